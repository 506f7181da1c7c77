//! The decision.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context as CedarContext, Decision, Entities, Entity, EntityId, EntityTypeName,
    EntityUid, PolicySet, Request, RestrictedExpression, Schema, ValidationMode, Validator,
};

use crate::decisions::{Decisions, Question};
use crate::error::{Denied, LoadError, Reason};
use crate::step_up;
use crate::{Action, Channel, Context, Permit, Principal, Proof, Resource};

const SCHEMA: &str = include_str!("holdfast.cedarschema");
const POLICIES: &str = include_str!("policies.cedar");

/// The loaded policies, and what they decided lately. Made once at start and never changed: other policies are another
/// `Policy`, which remembers nothing.
pub struct Policy {
    authorizer: Authorizer,
    policies: PolicySet,
    schema: Schema,
    // Names are parsed once, since parsing costs more than deciding.
    actions: HashMap<String, EntityUid>,
    types: HashMap<String, EntityTypeName>,
    visitor: EntityUid,
    device: EntityTypeName,
    person: EntityTypeName,
    role: EntityTypeName,
    folder: EntityTypeName,
    web: CedarContext,
    device_channel: CedarContext,
    decisions: Decisions,
}

impl Policy {
    /// Loads the fixed policies and validates them strictly against the schema.
    ///
    /// # Errors
    /// [`LoadError`] if either is not valid, so that a broken build does not serve.
    pub fn load() -> Result<Self, LoadError> {
        Self::parse(SCHEMA, POLICIES)
    }

    pub(crate) fn parse(schema: &str, policies: &str) -> Result<Self, LoadError> {
        let (schema, _) = Schema::from_cedarschema_str(schema).map_err(schema_error)?;
        let policies = PolicySet::from_str(policies).map_err(policy_error)?;
        let validator = Validator::new(schema);
        let result = validator.validate(&policies, ValidationMode::Strict);
        if !result.validation_passed_without_warnings() {
            return Err(LoadError::Policies(result.to_string()));
        }
        let schema = validator.schema().clone();
        let actions = schema
            .actions()
            .map(|action| (action.id().unescaped().to_owned(), action.clone()))
            .collect();
        let types = schema
            .entity_types()
            .map(|name| (name.to_string(), name.clone()))
            .collect();
        let visitor = type_name("Visitor")?;
        Ok(Self {
            authorizer: Authorizer::new(),
            policies,
            actions,
            types,
            visitor: EntityUid::from_type_name_and_id(visitor, EntityId::new("this")),
            device: type_name("Device")?,
            person: type_name("Person")?,
            role: type_name("Role")?,
            folder: type_name("Folder")?,
            web: context(Channel::Web, Proof::NONE)?,
            device_channel: context(Channel::Device, Proof::NONE)?,
            decisions: Decisions::new(),
            schema,
        })
    }

    /// Decides whether `principal` may do `A` to `resource`, and gives the resource back inside the permit.
    ///
    /// # Errors
    /// [`Denied`] if no policy permits it, one forbids it, one fails, or the schema does not know the request.
    pub fn decide<A: Action>(
        &self,
        principal: &Principal,
        resource: A::Resource,
        context: &Context,
    ) -> Result<Permit<A>, Denied> {
        let id = resource.id();
        let question = Question {
            action: A::NAME,
            principal,
            resource_type: <A::Resource as Resource>::TYPE,
            resource_id: &id,
            channel: context.channel,
            proof: context.proof,
        };
        match self.ask(&question) {
            Ok(()) => {
                drop(id);
                Ok(Permit::new(resource))
            }
            Err(reason) => Err(Denied {
                action: A::NAME,
                reason,
                step_up: step_up::find(&question, |question| self.ask(question).is_ok()),
            }),
        }
    }

    /// The answer as it was given before, else by evaluation. Only what was evaluated without a failure is kept, and a
    /// question that is not kept is evaluated: nothing is permitted by what the cache lacks.
    fn ask(&self, question: &Question<'_>) -> Result<(), Reason> {
        let permitted = match self.decisions.find(question) {
            Some(permitted) => permitted,
            None => {
                let permitted = self.evaluate(question)?;
                self.decisions.keep(question, permitted);
                permitted
            }
        };
        permitted.then_some(()).ok_or(Reason::NotPermitted)
    }

    /// Asks Cedar.
    fn evaluate(&self, question: &Question<'_>) -> Result<bool, Reason> {
        let action = self
            .actions
            .get(question.action)
            .ok_or(Reason::UnknownRequest)?;
        let resource_type = self
            .types
            .get(question.resource_type)
            .ok_or(Reason::UnknownRequest)?;
        let resource = uid(resource_type, question.resource_id);
        let (principal, who) = self.principal(question.principal)?;
        let what = self.within_folders(question, &resource);
        let entities = Entities::from_entities(who.into_iter().chain(what), None);
        let entities = entities.map_err(|_| Reason::Failed)?;
        let context = match (question.channel, question.proof) {
            (Channel::Web, Proof::NONE) => self.web.clone(),
            (Channel::Device, Proof::NONE) => self.device_channel.clone(),
            (channel, proof) => context(channel, proof).map_err(|_| Reason::Failed)?,
        };
        let request = Request::new(
            principal,
            action.clone(),
            resource,
            context,
            Some(&self.schema),
        )
        .map_err(|_| Reason::UnknownRequest)?;
        let response = self
            .authorizer
            .is_authorized(&request, &self.policies, &entities);
        // Cedar skips a policy that fails. A skipped `forbid` would open a door, so any failure refuses.
        if response.diagnostics().errors().next().is_some() {
            return Err(Reason::Failed);
        }
        Ok(response.decision() == Decision::Allow)
    }

    /// The principal's name, and the entity that the policies look into.
    fn principal(&self, principal: &Principal) -> Result<(EntityUid, Option<Entity>), Reason> {
        let entity = match principal {
            Principal::Visitor => return Ok((self.visitor.clone(), None)),
            Principal::Person { id, roles } => {
                let who = uid(&self.person, id);
                let roles = roles.iter().map(|role| uid(&self.role, role));
                Entity::new_no_attrs(who, roles.collect())
            }
            Principal::Device {
                fingerprint,
                enrolled,
            } => {
                let enrolled = RestrictedExpression::new_bool(*enrolled);
                let attributes = HashMap::from([("enrolled".to_owned(), enrolled)]);
                Entity::new(uid(&self.device, fingerprint), attributes, HashSet::new())
                    .map_err(|_| Reason::Failed)?
            }
        };
        Ok((entity.uid(), Some(entity)))
    }

    /// A page as an entity in all folders above it; nothing for what is in none.
    fn within_folders(&self, question: &Question<'_>, resource: &EntityUid) -> Option<Entity> {
        if question.resource_type != "Page" {
            return None;
        }
        let path = question.resource_id;
        let ends = path.match_indices('/').map(|(at, _)| at).skip(1);
        let folders = ends.filter_map(|end| path.get(..end));
        let folders = folders.map(|folder| uid(&self.folder, folder)).collect();
        Some(Entity::new_no_attrs(resource.clone(), folders))
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy")
            .field("policies", &self.policies.num_of_policies())
            .finish_non_exhaustive()
    }
}

fn context(channel: Channel, proof: Proof) -> Result<CedarContext, LoadError> {
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let methods = proof.methods().iter().map(|method| text(method));
    let age = RestrictedExpression::new_long(i64::from(proof.age()));
    let proof = RestrictedExpression::new_record([
        ("methods".to_owned(), RestrictedExpression::new_set(methods)),
        ("age".to_owned(), age),
    ]);
    let pairs = [
        ("channel".to_owned(), text(channel.name())),
        ("proof".to_owned(), proof.map_err(schema_error)?),
    ];
    CedarContext::from_pairs(pairs).map_err(schema_error)
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn type_name(name: &str) -> Result<EntityTypeName, LoadError> {
    EntityTypeName::from_str(name).map_err(schema_error)
}

fn schema_error(error: impl std::fmt::Display) -> LoadError {
    LoadError::Schema(error.to_string())
}

fn policy_error(error: impl std::fmt::Display) -> LoadError {
    LoadError::Policies(error.to_string())
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]
mod tests {
    use super::*;
    use crate::{Portal, StatusPage};
    use proptest::prelude::*;

    const WEB: Context = Context::of(Channel::Web);

    #[test]
    fn failing_policy_refuses_even_where_another_permits() {
        // Cedar by itself would skip the failing `forbid` and allow.
        let policies = r#"
            permit (principal, action, resource);
            forbid (principal, action, resource)
            when { context.channel == "web" && 9223372036854775807 + 1 == 0 };
        "#;
        let policy = Policy::parse(SCHEMA, policies).unwrap();
        let denied = policy
            .decide::<StatusPage>(&Principal::Visitor, Portal, &WEB)
            .unwrap_err();
        assert_eq!(denied.reason(), Reason::Failed);
        let question = Question {
            action: "statusPage",
            principal: &Principal::Visitor,
            resource_type: "Portal",
            resource_id: "this",
            channel: Channel::Web,
            proof: Proof::NONE,
        };
        assert_eq!(policy.decisions.find(&question), None, "a failure is kept");
        assert_eq!(
            denied.to_string(),
            "`statusPage` is not permitted (a policy failed); report this as a fault of the program"
        );
    }

    #[test]
    fn policies_outside_the_schema_do_not_load() {
        let unknown = r#"permit (principal, action == Action::"reboot", resource);"#;
        assert!(matches!(
            Policy::parse(SCHEMA, unknown),
            Err(LoadError::Policies(_))
        ));
        let attribute =
            r#"permit (principal is Device, action, resource) when { principal.admin };"#;
        assert!(matches!(
            Policy::parse(SCHEMA, attribute),
            Err(LoadError::Policies(_))
        ));
        assert!(matches!(
            Policy::parse(SCHEMA, "permit"),
            Err(LoadError::Policies(_))
        ));
        assert!(matches!(
            Policy::parse("entity", POLICIES),
            Err(LoadError::Schema(_))
        ));
    }

    #[test]
    fn nothing_is_permitted_without_a_policy() {
        let policy = Policy::parse(SCHEMA, "").unwrap();
        let denied = policy.decide::<StatusPage>(&Principal::Visitor, Portal, &WEB);
        assert_eq!(denied.unwrap_err().reason(), Reason::NotPermitted);
    }

    proptest! {
        /// Asked in any order and any number of times, what was kept and what is evaluated anew agree.
        #[test]
        fn cached_and_evaluated_decisions_agree(asked in prop::collection::vec((0..6_usize, 0..5_usize, 0..4_usize, 0..3_usize, any::<bool>()), 1..60)) {
            let policy = Policy::load().unwrap();
            let device = |fingerprint: &str, enrolled| Principal::Device { fingerprint: fingerprint.to_owned(), enrolled };
            let principals = [Principal::Visitor, device("a", true), device("a", false), device("b", true), device("", false), device("this", true)];
            for (who, action, resource_type, id, web) in asked {
                let question = Question {
                    action: ["view", "statusPage", "publish", "readStatus", "reboot-no-such"][action],
                    principal: &principals[who],
                    resource_type: ["Page", "Portal", "Site", "NoSuch"][resource_type],
                    resource_id: ["this", "/index.html", ""][id],
                    channel: if web { Channel::Web } else { Channel::Device },
                    proof: Proof::NONE,
                };
                let fresh = policy.evaluate(&question).and_then(|yes| yes.then_some(()).ok_or(Reason::NotPermitted));
                prop_assert_eq!(policy.ask(&question), fresh, "{:?}", question);
                prop_assert_eq!(policy.ask(&question), fresh, "asked again: {:?}", question);
                if !matches!(fresh, Ok(()) | Err(Reason::NotPermitted)) {
                    prop_assert_eq!(policy.decisions.find(&question), None);
                }
            }
        }
    }
}
