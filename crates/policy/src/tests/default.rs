//! The `default` policy: what it says, and what that opens and leaves closed.

use super::*;

#[test]
fn the_default_policy_lets_a_token_look_after_itself() {
    let policy = policy(DEFAULT);
    assert_eq!(policy.warnings(), []);
    let rules: Vec<_> = policy.rules().iter().map(|rule| (rule.path.as_str(), rule.constraints.clone())).collect();
    let plain = |capabilities: &[Capability]| Constraints {
        capabilities: capabilities.iter().copied().collect(),
        ..Constraints::default()
    };
    let (read, update) = (plain(&[Capability::Read]), plain(&[Capability::Update]));
    use Capability::{Create, Delete, List, Read, Update};
    // What the servers that clients know give to every token, and nothing on top.
    let expected = [
        ("auth/token/lookup-self", read.clone()),
        ("auth/token/renew-self", update.clone()),
        ("auth/token/revoke-self", update.clone()),
        ("sys/capabilities-self", update.clone()),
        ("sys/internal/ui/resultant-acl", read.clone()),
        ("identity/entity/id/{{identity.entity.id}}", read.clone()),
        ("identity/entity/name/{{identity.entity.name}}", read),
        ("sys/renew", update.clone()),
        ("sys/leases/renew", update.clone()),
        ("sys/leases/lookup", update.clone()),
        ("cubbyhole/*", plain(&[Create, Read, Update, Delete, List])),
        ("sys/wrapping/wrap", update.clone()),
        ("sys/wrapping/lookup", update.clone()),
        ("sys/wrapping/unwrap", update.clone()),
        ("sys/tools/hash", update.clone()),
        ("sys/tools/hash/*", update),
        ("identity/oidc/provider/+/authorize", plain(&[Read, Update])),
    ];
    assert_eq!(rules, expected);
    let rendered = policy.render(&|selector| (selector == "identity.entity.id").then(|| "7".to_owned()));
    assert_eq!(rendered.skipped.len(), 1);
    let acl = Acl::compile([("", &rendered.policy)], NOW).expect("it is not root");
    for (operation, path) in [
        (Operation::Read, "auth/token/lookup-self"),
        (Operation::Update, "auth/token/renew-self"),
        (Operation::Update, "auth/token/revoke-self"),
        (Operation::Update, "sys/capabilities-self"),
        (Operation::Read, "identity/entity/id/7"),
        (Operation::Read, "sys/internal/ui/resultant-acl"),
        (Operation::Update, "sys/renew"),
        (Operation::Update, "sys/leases/renew"),
        (Operation::Update, "sys/leases/lookup"),
        (Operation::List, "cubbyhole/"),
        (Operation::Create, "cubbyhole/a/b"),
        (Operation::Update, "sys/wrapping/unwrap"),
        (Operation::Update, "sys/tools/hash/sha2-256"),
        (Operation::Update, "identity/oidc/provider/p/authorize"),
    ] {
        assert!(acl.decide(&question(operation, path)).allowed, "{operation:?} {path}");
    }
    for (operation, path) in [
        (Operation::Read, "secret/data/x"),
        (Operation::List, "sys/policies/acl/"),
        (Operation::Read, "identity/entity/id/8"),
        (Operation::Update, "auth/token/create"),
        (Operation::Update, "sys/leases/revoke"),
    ] {
        assert!(!acl.decide(&question(operation, path)).allowed, "{operation:?} {path}");
    }
}
