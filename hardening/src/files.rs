//! Landlock: which files, ports and processes stay in reach (kernel documentation, "Landlock: unprivileged access control").

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus,
    PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
    Scope,
};

use crate::{Error, Limits};

/// The newest version whose rights are named here; a newer kernel enforces these as well.
const NEWEST: ABI = ABI::V7;
/// The oldest that is accepted: before it a file that cannot be written could still be truncated.
const OLDEST: ABI = ABI::V3;

/// Puts the rules in force; returns the kernel's version as far as it is made use of.
pub(crate) fn restrict(limits: &Limits) -> Result<u32, Error> {
    let failed = |e: RulesetError| Error::Landlock(e.to_string());
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        // Handled without a rule: no port can be bound or connected to.
        .and_then(|r| r.handle_access(AccessNet::from_all(NEWEST)))
        .and_then(|r| r.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .map_err(failed)?;
    let data = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
    let mut rules = rules
        .add_rule(beneath(&limits.data_dir, data)?)
        .map_err(failed)?;
    for path in &limits.readable {
        rules = rules
            .add_rule(beneath(path, AccessFs::ReadFile.into())?)
            .map_err(failed)?;
    }
    let status = rules.restrict_self().map_err(failed)?;
    let found = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi,
        _ => ABI::Unsupported,
    };
    if found < OLDEST || status.ruleset == RulesetStatus::NotEnforced {
        return Err(Error::LandlockTooOld {
            found: found as u32,
        });
    }
    Ok(found as u32)
}

fn beneath(path: &Path, access: BitFlags<AccessFs>) -> Result<PathBeneath<PathFd>, Error> {
    let opened = PathFd::new(path).map_err(|e| Error::Path {
        path: path.to_owned(),
        message: e.to_string(),
    })?;
    Ok(PathBeneath::new(opened, access))
}
