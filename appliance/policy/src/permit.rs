//! The permit: proof that a decision was made.

use crate::Action;

/// Proof that policy permitted action `A` on the resource within. Only [`crate::Policy::decide`] makes one.
///
/// It cannot be made by hand:
///
/// ```compile_fail,E0451
/// use holdfast_policy::{Permit, Site, Publish};
/// let permit: Permit<Publish> = Permit { resource: Site };
/// ```
///
/// nor copied, nor taken for another action:
///
/// ```compile_fail,E0308
/// use holdfast_policy::{Permit, Publish, ReadStatus};
/// fn publish(_: Permit<Publish>) {}
/// fn route(permit: Permit<ReadStatus>) { publish(permit) }
/// ```
///
/// but a handler takes it and serves what it carries:
///
/// ```
/// use holdfast_policy::{Channel, Context, Permit, Policy, Portal, Principal, StatusPage};
/// fn handler(permit: Permit<StatusPage>) -> Portal { permit.into_resource() }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = Policy::load()?;
/// let web = Context::of(Channel::Web);
/// handler(policy.decide::<StatusPage>(&Principal::Visitor, Portal, &web)?);
/// # Ok(())
/// # }
/// ```
#[must_use = "a permit is for the handler that takes it"]
pub struct Permit<A: Action> {
    resource: A::Resource,
}

impl<A: Action> Permit<A> {
    pub(crate) fn new(resource: A::Resource) -> Self {
        Self { resource }
    }

    /// The resource that the decision was about.
    pub fn resource(&self) -> &A::Resource {
        &self.resource
    }

    /// The resource that the decision was about, for the handler to serve.
    pub fn into_resource(self) -> A::Resource {
        self.resource
    }
}

impl<A: Action> std::fmt::Debug for Permit<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Permit").field(&A::NAME).finish()
    }
}
