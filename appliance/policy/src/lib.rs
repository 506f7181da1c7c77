//! Cedar decisions and the Permit that each handler takes.
//!
//! [`Policy::load`] checks the fixed policies against their schema. [`Policy::decide`] asks them about one
//! [`Principal`], [`Action`], [`Resource`] and [`Context`], and only a yes makes a [`Permit`] (law 1): a handler that
//! takes a `Permit<A>` cannot be reached without that decision, and serves the resource that the decision was about.
//! What no policy permits, what the schema does not know and what fails while it is evaluated is [`Denied`].

mod action;
mod decide;
mod decisions;
mod error;
mod permit;
mod request;
mod step_up;

pub use action::{
    Action, ChangeCertificate, CompactStore, DestroyKeys, Enrol, InviteDevice, MakeRecoveryKey,
    ManagePeople, PortalAsset, PowerOff, Publish, ReadCertificate, ReadConfiguration, ReadDevices,
    ReadKeys, ReadLogs, ReadStatus, Reboot, Report, RevokeDevice, RotateKeys, SignIn, StatusPage,
    UseAccount, VerifyStore, View,
};
pub use decide::Policy;
pub use error::{Denied, LoadError, Reason};
pub use permit::Permit;
pub use request::{Appliance, Channel, Context, Portal, Principal, Proof, Resource, Site, StepUp};
