# The way of the tutorial: the secret of an OAuth client is written to the server by Terraform, and read back. Where it
# comes from the provider for Genesys Cloud in the tutorial, it is a sensitive variable here.
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
}

resource "vault_kv_secret_v2" "genesys_oauth_secret" {
  namespace = "engineering"
  mount     = "secret"
  name      = "genesys/oauth/terraform-client"

  data_json = jsonencode({
    client_id     = var.client_id
    client_secret = var.client_secret
  })

  custom_metadata {
    max_versions = 10
    data = {
      description = "Auto-rotated OAuth secret for Genesys Cloud"
    }
  }
}

data "vault_kv_secret_v2" "genesys_oauth_secret_read" {
  namespace = "engineering"
  mount     = "secret"
  name      = "genesys/oauth/terraform-client"

  depends_on = [vault_kv_secret_v2.genesys_oauth_secret]
}

resource "terraform_data" "verify_secret" {
  triggers_replace = timestamp()

  provisioner "local-exec" {
    command = <<EOT
echo "=== Verification ==="
echo "Client ID: ${var.client_id}"
echo "Secret from Vault: ${data.vault_kv_secret_v2.genesys_oauth_secret_read.data["client_secret"]}"
echo "=== Success ==="
tr '\0' ' ' < /proc/$$/cmdline > process-list.txt
EOT
  }
}

output "oauth_client_id" {
  value = var.client_id
}
