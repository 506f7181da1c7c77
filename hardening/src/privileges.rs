//! Resource limits, privileges, capabilities.

use std::io;

use caps::{CapSet, CapsHashSet};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};
use rustix::thread::set_no_new_privs;

use crate::{Error, Limits};

pub(crate) fn limit_resources(limits: &Limits) -> Result<(), Error> {
    lower("core dumps", Resource::Core, 0)?;
    lower("open files", Resource::Nofile, limits.open_files)?;
    Ok(())
}

/// Sets both limits to `most`, or to the hard limit where that is lower.
fn lower(what: &'static str, resource: Resource, most: u64) -> Result<(), Error> {
    let now = getrlimit(resource);
    let most = now.maximum.map_or(most, |hard| hard.min(most));
    let wanted = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    if now == wanted {
        return Ok(());
    }
    setrlimit(resource, wanted).map_err(|e| Error::Limit {
        what,
        source: e.into(),
    })
}

/// Gives up everything; returns whether the bounding set is empty too.
pub(crate) fn drop_all() -> Result<bool, Error> {
    let failed = |what| {
        move |e: rustix::io::Errno| Error::Privilege {
            what,
            source: e.into(),
        }
    };
    set_no_new_privs(true).map_err(failed("new privileges"))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed("dumps"))?;
    // The bounding set first: emptying it takes a capability of the effective set.
    let may_empty = read(CapSet::Effective)?.contains(&caps::Capability::CAP_SETPCAP);
    if may_empty {
        clear(CapSet::Bounding)?;
    }
    for set in [
        CapSet::Ambient,
        CapSet::Effective,
        CapSet::Permitted,
        CapSet::Inheritable,
    ] {
        clear(set)?;
    }
    Ok(read(CapSet::Bounding)?.is_empty())
}

fn read(set: CapSet) -> Result<CapsHashSet, Error> {
    caps::read(None, set).map_err(|e| privilege(&e))
}

fn clear(set: CapSet) -> Result<(), Error> {
    if read(set)?.is_empty() {
        return Ok(());
    }
    caps::clear(None, set).map_err(|e| privilege(&e))
}

fn privilege(error: &caps::errors::CapsError) -> Error {
    Error::Privilege {
        what: "capabilities",
        source: io::Error::other(error.to_string()),
    }
}
