//! What a decision is about: who, to what, how.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Someone of whom nothing is known.
    Visitor,
    /// A person who is signed in.
    Person {
        /// The person's number, in hex.
        id: Arc<str>,
        /// All roles of the person, inherited ones too, in order of name.
        roles: Arc<[String]>,
    },
    /// A device that proved the possession of its key in the TLS handshake.
    Device {
        /// `SHA256:` and the unpadded base64 of its public key's hash.
        fingerprint: String,
        /// Whether the store knows it, and not as revoked, at this request.
        enrolled: bool,
    },
}

/// What something is done to. The site's crate implements it for a manifest entry.
pub trait Resource {
    /// Its entity type in the schema.
    const TYPE: &'static str;

    /// Its name within the type, such as a manifest path. Any text is allowed.
    fn id(&self) -> Cow<'_, str>;
}

macro_rules! single {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name;

        impl Resource for $name {
            const TYPE: &'static str = stringify!($name);

            fn id(&self) -> Cow<'_, str> {
                Cow::Borrowed("this")
            }
        }
    )*};
}

single! {
    /// The site as a whole: its versions and blobs.
    Site;
    /// The portal host.
    Portal;
    /// The machine.
    Appliance;
}

/// The protocol that a request came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// HTTPS as browsers speak it.
    Web,
    /// The device protocol, ALPN `holdfast/1`.
    Device,
}

impl Channel {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Device => "device",
        }
    }
}

/// How and when a person last proved who they are.
///
/// The age is told to policies in steps, always as too old rather than too young, so that decisions can be kept: 15 s up to
/// an hour, five minutes up to a day, and nothing beyond that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proof {
    methods: &'static [&'static str],
    age: u32,
}

/// The age of what was never proven, and the oldest that is told.
const NEVER: u32 = 1_000_000;

impl Proof {
    /// No proof at all.
    pub const NONE: Self = Self {
        methods: &[],
        age: NEVER,
    };

    /// By these methods (`passkey`, `totp`, `password`, `recovery`), so long ago.
    #[must_use]
    pub fn new(methods: &'static [&'static str], age: Duration) -> Self {
        let seconds = u32::try_from(age.as_millis().div_ceil(1000)).unwrap_or(NEVER);
        let age = match seconds {
            0..=3600 => seconds.next_multiple_of(15),
            3601..=86_400 => seconds.next_multiple_of(300),
            _ => NEVER,
        };
        Self { methods, age }
    }

    /// By which methods.
    #[must_use]
    pub fn methods(&self) -> &'static [&'static str] {
        self.methods
    }

    /// Seconds since.
    #[must_use]
    pub fn age(&self) -> u32 {
        self.age
    }

    /// Whether it is what a step-up asks for.
    #[must_use]
    pub fn meets(&self, step: &StepUp) -> bool {
        self.age <= step.max_age && (!step.totp || self.methods.contains(&"totp"))
    }
}

/// A proof that would turn a refusal into a permission (RFC 9470).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StepUp {
    /// Whether a one-time password is asked for beside the passkey.
    pub totp: bool,
    /// How old the proof may be, in seconds.
    pub max_age: u32,
}

/// The circumstances of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The protocol that it came by.
    pub channel: Channel,
    /// What the person has proven.
    pub proof: Proof,
}

impl Context {
    /// Of someone who has proven nothing.
    #[must_use]
    pub const fn of(channel: Channel) -> Self {
        Self {
            channel,
            proof: Proof::NONE,
        }
    }
}
