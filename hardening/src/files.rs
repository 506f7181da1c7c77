//! Landlock: no file, port or process outside stays in reach (kernel documentation, "Landlock: unprivileged access control").

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, Ruleset,
    RulesetAttr, RulesetError, RulesetStatus, Scope,
};

use crate::Error;

/// The newest version whose rights are named here; what a kernel does not know yet is left out.
const NEWEST: ABI = ABI::V10;

/// Puts the rules in force; returns the kernel's version as far as it is made use of.
///
/// Every right is handled and none is granted: what is open stays usable, nothing can be opened any more.
pub(crate) fn restrict(oldest: u32) -> Result<u32, Error> {
    let failed = |e: RulesetError| Error::Landlock(e.to_string());
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|r| r.handle_access(AccessNet::from_all(NEWEST)))
        .and_then(|r| r.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(failed)?;
    let found = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi as u32,
        _ => 0,
    };
    if found < oldest || status.ruleset == RulesetStatus::NotEnforced {
        return Err(Error::LandlockTooOld {
            found,
            needed: oldest,
        });
    }
    Ok(found)
}
