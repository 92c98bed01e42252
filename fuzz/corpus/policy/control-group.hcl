path "a" {
  capabilities = ["read"]
  mfa_methods = ["x"]
  control_group = {
    ttl = "4h"
    factor "f" { identity { group_ids = ["g"] approvals = 1 } }
  }
}
