//! What an event says.

use holdfast_store::{Record, Table};
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// One thing that happened, who did it, and how it ended. Holds no secret and no content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, by the machine's clock.
    pub time: Timestamp,
    /// What.
    pub kind: Kind,
    /// By whom.
    pub actor: Actor,
    /// To what: a version, a device's fingerprint, a name in the configuration; empty if `kind` says it all.
    pub resource: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The request it belongs to, as the answer named it.
    pub request: Option<String>,
}

impl Record for Event {
    const TABLE: Table = Table::plain("audit");
    const VERSION: u16 = 1;
}

/// The kinds of events. Stored by position: new ones are added at the end, none is removed or moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// The process is ready to serve.
    Started,
    /// The process was told to stop, and did.
    Stopped,
    /// It was started with another configuration than before.
    ConfigChanged,
    /// A device was enrolled.
    DeviceEnrolled,
    /// A device did not prove that it may enrol.
    EnrolmentRefused,
    /// A device was revoked.
    DeviceRevoked,
    /// A version of the site was stored.
    SiteStored,
    /// A version of the site was made the live one.
    SiteActivated,
    /// The machine made itself an identity key or a certificate.
    KeyMade,
    /// A request for a protected act was refused by policy.
    AccessDenied,
    /// An earlier run of the server ended: how, when, and which.
    RunEnded,
    /// A device asked for a one-time code, by which another one may enrol.
    DeviceInvited,
    /// A `holdfast.recover` credential was used: the console shows a code once more.
    RecoveryOpened,
    /// A web certificate was installed.
    CertificateInstalled,
    /// The installed web certificate was removed.
    CertificateRemoved,
    /// A device asked for a restart of the machine.
    RebootAsked,
    /// A device asked to switch the machine off.
    PowerOffAsked,
    /// A version of the site was removed, since it is not among those that are kept.
    SiteRemoved,
    /// A device asked for new keys of a table, or of all.
    KeyRotationAsked,
    /// The values of a table were sealed under a new key, and the older ones destroyed.
    KeyRotated,
    /// A new recovery key was made, and the one before taken away.
    RecoveryKeyMade,
    /// All keys were destroyed.
    KeysDestroyed,
    /// A device asked for a verification of the store.
    StoreVerificationAsked,
    /// Records were put back, removed or added behind the store's back.
    StoreAltered,
    /// A device asked to have the store's file made smaller at the next start.
    StoreCompactionAsked,
    /// Someone was invited to become a person of the site.
    PersonInvited,
    /// An invite was withdrawn before it was used.
    InviteWithdrawn,
    /// Someone became a person of the site by an invite.
    PersonJoined,
    /// A person's roles were changed, or the person was disabled or enabled.
    PersonChanged,
    /// A person was deleted, and the person's own key destroyed.
    PersonDeleted,
    /// A person signed in.
    SignedIn,
    /// A sign-in was refused.
    SignInRefused,
    /// A person proved once more who they are, for an act that asks for it.
    SteppedUp,
    /// Sessions were ended by someone, rather than by time.
    SessionsEnded,
    /// A person got a further passkey.
    PasskeyAdded,
    /// A passkey was removed.
    PasskeyRemoved,
    /// The signature counter of a passkey went back, so there may be a copy of it.
    PasskeyCounterBack,
    /// A person's one-time password generator was set up or removed.
    TotpChanged,
    /// A person got new recovery codes.
    RecoveryCodesMade,
    /// A recovery code was used up.
    RecoveryCodeUsed,
    /// A person's password was set, changed or removed.
    PasswordChanged,
    /// Many sign-ins fail in a way that looks like guessing.
    GuessingNoticed,
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Actor {
    /// The machine itself.
    Machine,
    /// A device, by its fingerprint `SHA256:…`.
    Device(String),
    /// Nobody known, by network address.
    Address(String),
    /// A person, by the random number of theirs in hex; the name is sealed under the person's own key.
    Person(String),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
    /// It failed.
    Failed,
}
