//! What can go wrong with people and their sessions.

/// Failures of this crate. What is about a person says nothing about whether that person exists.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed, or the batch cannot be made.
    #[error(transparent)]
    Store(#[from] holdfast_store::Error),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes; restart the machine")]
    Random,
    /// A name has a shape that we do not take.
    #[error(
        "a name has 1 to 64 letters, digits, blanks or `-_.@'`, and begins with a letter or digit; choose another"
    )]
    Name,
    /// The name belongs to someone else.
    #[error("this name is taken; choose another")]
    NameTaken,
    /// There is no such person.
    #[error("there is no such person; list the people and choose one of them")]
    NoPerson,
    /// There is no such role.
    #[error("there is no role `{0}`; list the roles and choose one of them")]
    NoRole(String),
    /// A role has a shape that we do not take.
    #[error(
        "a role's name has 1 to 32 lower-case letters, digits or hyphens, and it inherits at most 16 roles that exist and do not inherit it"
    )]
    Role,
    /// The invite is unknown, used or past its end; which one is not told.
    #[error("this invite is not good, or not any more; ask whoever invited you for a new one")]
    Invite,
    /// Personal data does not open under the person's key.
    #[error(
        "personal data cannot be opened; verify the store, and restore it from a backup if it was altered"
    )]
    Sealed,
    /// A passkey ceremony is unknown, past its five minutes, used, or of another browser.
    #[error("this attempt is not known any more; start again")]
    Ceremony,
    /// What the browser sent proves nothing.
    #[error("this did not prove who you are; try again, or with another of your passkeys")]
    Refused,
    /// Refused, and what was put into the batch must be committed before the answer.
    #[error("this did not prove who you are; try again, or with another of your passkeys")]
    Recorded,
    /// A password has a shape that we do not take.
    #[error(
        "a password has at least 15 characters and at most 1024 bytes, and is not one's own name; choose another"
    )]
    Password,
    /// The authenticator made no discoverable passkey.
    #[error("this authenticator made no passkey that can be found by itself; choose another one")]
    NotDiscoverable,
    /// A label has a shape that we do not take.
    #[error("a label has 1 to 64 characters and no control characters; choose another")]
    Label,
    /// There are as many as we keep.
    #[error("there are already {0} of these; remove one first")]
    TooMany(usize),
    /// The last way in would be lost.
    #[error("this is the last passkey and no recovery code is left; make recovery codes first")]
    LastWayIn,
    /// The session has no sign-in that is fresh enough.
    #[error("this asks for a fresh sign-in; sign in again and repeat it")]
    NotFresh,
    /// The portal's address cannot be that of passkeys.
    #[error("`{0}` cannot be the address of passkeys; name the portal by a host name, with https")]
    Origin(String),
    /// Too many attempts.
    #[error("too many attempts; wait {} seconds and try again", .0.as_secs().saturating_add(1))]
    Wait(std::time::Duration),
}
