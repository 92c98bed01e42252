# The same secret as a write-only argument: Terraform passes it on and keeps nothing of it. Whoever needs it reads it from
# the server when it runs.
terraform {
  required_providers {
    vault = {
      source = "hashicorp/vault"
    }
  }
}

variable "client_id" {
  type = string
}

variable "client_secret" {
  type      = string
  sensitive = true
  ephemeral = true
}

# Raised whenever there is a new secret: Terraform cannot tell from the secret itself.
variable "secret_version" {
  type    = number
  default = 1
}

resource "vault_kv_secret_v2" "genesys_oauth_secret" {
  namespace = "engineering"
  mount     = "secret"
  name      = "genesys/oauth/terraform-client"

  data_json_wo = jsonencode({
    client_id     = var.client_id
    client_secret = var.client_secret
  })
  data_json_wo_version = var.secret_version

  custom_metadata {
    max_versions = 10
    data = {
      description = "OAuth secret for Genesys Cloud"
    }
  }
}

resource "terraform_data" "use_secret" {
  triggers_replace = timestamp()

  provisioner "local-exec" {
    command = <<EOT
strongroom kv get -namespace=engineering -mount=secret -field=client_secret genesys/oauth/terraform-client | wc -c
tr '\0' ' ' < /proc/$$/cmdline > process-list.txt
EOT
  }
}

output "oauth_client_id" {
  value = var.client_id
}
