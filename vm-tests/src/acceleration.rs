//! Hardware acceleration where it really works, emulation elsewhere. No verdict depends on which.

use crate::{Lab, Machine, limit, spec::Net};
use std::{env, sync::LazyLock};

/// How QEMU runs the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceleration {
    /// By the host's kernel.
    Kvm,
    /// By translation.
    Tcg,
}

/// The better one that works here. KVM is tried only with `HOLDFAST_KVM=1`: `/dev/kvm` can exist and still be unable to run a
/// kernel (nested virtualisation), so the trial boots the image until its kernel starts the first process.
pub fn best() -> Acceleration {
    static BEST: LazyLock<Acceleration> = LazyLock::new(|| {
        let wanted = env::var("HOLDFAST_KVM").is_ok_and(|value| value == "1");
        if wanted && kvm_works() {
            return Acceleration::Kvm;
        }
        if wanted {
            println!("note: KVM does not run a kernel here, so the machine is emulated (TCG)");
        }
        Acceleration::Tcg
    });
    *BEST
}

fn kvm_works() -> bool {
    let lab = Lab::new();
    let mut spec = lab.spec("trial");
    spec.net = Net::None;
    let Some(machine) = Machine::try_start(&spec, Acceleration::Kvm) else {
        return false;
    };
    machine
        .console
        .find(&["as init process"], limit(30))
        .is_some()
}
