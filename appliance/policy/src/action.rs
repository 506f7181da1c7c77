//! The actions, as types: a handler names in its signature what it needs a permit for.

use std::marker::PhantomData;

use crate::request::{Appliance, Portal, Resource, Site};

/// Something that a principal may be permitted to do.
///
/// Other crates may add their own; an action whose name or resource type the schema does not know is always denied.
pub trait Action {
    /// What it is done to, as the handler needs it.
    type Resource: Resource;
    /// Name of the action in the schema.
    const NAME: &'static str;
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident $(= $default:ty)?, $cedar:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<R $(= $default)?>(PhantomData<fn() -> R>);

        impl<R: Resource> Action for $name<R> {
            type Resource = R;
            const NAME: &'static str = $cedar;
        }
    )*};
}

actions! {
    /// Read a page of the site. `R` is the manifest entry, of resource type `Page`.
    View, "view";
    /// Read the portal's status page.
    StatusPage = Portal, "statusPage";
    /// Read what the pages of Holdfast itself need, such as their style sheet.
    PortalAsset = Portal, "portalAsset";
    /// Tell of a violation of a content security policy.
    Report = Portal, "report";
    /// See the pages of sign-in and joining, and take part in their ceremonies; the handler demands the proof.
    SignIn = Portal, "signIn";
    /// See and change what is one's own: passkeys, second factors, codes, sessions.
    UseAccount = Portal, "useAccount";
    /// See and change people, their roles, invites and sessions: by the portal or by the device protocol.
    ManagePeople = Appliance, "managePeople";
    /// Try to enrol a device; the handler demands the proof.
    Enrol = Appliance, "enrol";
    /// Upload blobs, make and list versions, make one live.
    Publish = Site, "publish";
    /// Read the machine's status by the device protocol.
    ReadStatus = Appliance, "readStatus";
    /// Read the machine's log.
    ReadLogs = Appliance, "readLogs";
    /// Read the configuration in force, which holds no secret.
    ReadConfiguration = Appliance, "readConfiguration";
    /// Read which web certificate is shown.
    ReadCertificate = Appliance, "readCertificate";
    /// Install a web certificate, or remove the installed one.
    ChangeCertificate = Appliance, "changeCertificate";
    /// Restart the machine.
    Reboot = Appliance, "rebootMachine";
    /// Switch the machine off.
    PowerOff = Appliance, "powerOffMachine";
    /// List the devices.
    ReadDevices = Appliance, "readDevices";
    /// Ask for a one-time code for another device.
    InviteDevice = Appliance, "inviteDevice";
    /// Read which keys there are; no key itself.
    ReadKeys = Appliance, "readKeys";
    /// Give tables new keys.
    RotateKeys = Appliance, "rotateKeys";
    /// Make a new recovery key, which opens everything stored.
    MakeRecoveryKey = Appliance, "makeRecoveryKey";
    /// Destroy every key, and with them everything stored.
    DestroyKeys = Appliance, "destroyKeys";
    /// Have the whole store held against what was committed.
    VerifyStore = Appliance, "verifyStore";
    /// Have the store's file made smaller at the next start.
    CompactStore = Appliance, "compactStore";
    /// Take a device's rights away.
    RevokeDevice = Appliance, "revokeDevice";
}
