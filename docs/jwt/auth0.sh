#!/usr/bin/env bash
# The walk from a machine's credentials at Auth0 to a secret, as Kong Gateway takes it with `auth_method: oauth2`.
#
# DECK_DOMAIN, DECK_CLIENT_ID and DECK_CLIENT_SECRET are those of a machine-to-machine application at Auth0, VAULT_ADDR and
# VAULT_TOKEN those of the server. The tests run this script against a provider of their own, whose DECK_ISSUER is no
# https://$DECK_DOMAIN.
set -euo pipefail

issuer=${DECK_ISSUER:-https://$DECK_DOMAIN}
audience="https://$DECK_DOMAIN/api/v2/"

# Whose signatures count, and whose token is for whom.
strongroom auth enable jwt
strongroom write auth/jwt/config jwks_url="$issuer/.well-known/jwks.json"
strongroom write auth/jwt/role/demo \
  role_type=jwt \
  user_claim=sub \
  token_type=batch \
  token_policies="default" \
  bound_subject="$DECK_CLIENT_ID@clients" \
  bound_audiences="$audience"

# A secret, and who may read it.
strongroom kv put -mount="secret" "password" pass=mypassword
{ strongroom policy read default; printf 'path "secret/*" {\n  capabilities = ["read"]\n}\n'; } |
  strongroom policy write default -

# What Kong does: its credentials against a token of the provider, that against one of the server, that against the secret.
jwt=$(curl -sS "$issuer/oauth/token" \
  -d grant_type=client_credentials \
  -d client_id="$DECK_CLIENT_ID" \
  --data-urlencode client_secret="$DECK_CLIENT_SECRET" \
  --data-urlencode audience="$audience" |
  sed -n 's/.*"access_token": *"\([^"]*\)".*/\1/p')
token=$(curl -sS "$VAULT_ADDR/v1/auth/jwt/login" -d "{\"role\": \"demo\", \"jwt\": \"$jwt\"}" |
  sed -n 's/.*"client_token": *"\([^"]*\)".*/\1/p')
curl -sS -H "X-Vault-Token: $token" "$VAULT_ADDR/v1/secret/data/password"
