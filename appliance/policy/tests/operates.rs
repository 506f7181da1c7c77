//! Who may operate the machine: enrolled devices by their own protocol, and nobody else.
#![allow(clippy::unwrap_used)]

use holdfast_policy::{
    Action, Appliance, ChangeCertificate, Channel, Context, InviteDevice, Policy, PowerOff,
    Principal, ReadCertificate, ReadConfiguration, ReadDevices, ReadLogs, Reason, Reboot,
    RevokeDevice,
};

fn device(enrolled: bool) -> Principal {
    Principal::Device {
        fingerprint: "SHA256:x".into(),
        enrolled,
    }
}

fn only_enrolled_devices<A: Action<Resource = Appliance>>(policy: &Policy) {
    let web = Context::of(Channel::Web);
    let own = Context::of(Channel::Device);
    drop(policy.decide::<A>(&device(true), Appliance, &own).unwrap());
    let others = [
        (device(false), own),
        (device(true), web),
        (Principal::Visitor, own),
        (Principal::Visitor, web),
    ];
    for (who, how) in others {
        let denied = policy.decide::<A>(&who, Appliance, &how).unwrap_err();
        assert_eq!(denied.reason(), Reason::NotPermitted, "{who:?} {how:?}");
        assert_eq!(denied.action(), A::NAME);
    }
}

#[test]
fn only_enrolled_devices_operate_the_machine() {
    let policy = Policy::load().unwrap();
    only_enrolled_devices::<ReadLogs>(&policy);
    only_enrolled_devices::<ReadConfiguration>(&policy);
    only_enrolled_devices::<ReadCertificate>(&policy);
    only_enrolled_devices::<ChangeCertificate>(&policy);
    only_enrolled_devices::<Reboot>(&policy);
    only_enrolled_devices::<PowerOff>(&policy);
    only_enrolled_devices::<ReadDevices>(&policy);
    only_enrolled_devices::<InviteDevice>(&policy);
    only_enrolled_devices::<RevokeDevice>(&policy);
}
