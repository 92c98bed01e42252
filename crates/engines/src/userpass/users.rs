//! Users: made, shown, changed, removed, listed.

use std::time::Duration;

use framework::path::fold;
use framework::terms::{OlderFields, Spelling, TokenFields};
use framework::view::encode;
use framework::{Context, Error, Field, FieldSet, Input, Page, Path, Reply, Segment, fields, retry};
use secret::Secret;

use super::Userpass;
use super::entry::{FOLDER, UserEntry, find, place};
use super::hashing;

/// The longest name of a user, in bytes.
const NAME_BYTES_MAX: usize = 512;

fields! {
    /// Names a user.
    pub(super) struct Named {
        /// Name of the user, in upper or lower case.
        username: String,
    }
}

fields! {
    /// What a user has beside the settings of tokens.
    struct Own {
        /// Name of the user, in upper or lower case.
        username: String,
        /// Password of the user, of at most 72 bytes. A new user needs one, or its hash.
        password: Option<Secret<String>> => secret,
        /// The bcrypt hash of the password, in its place.
        password_hash: Option<Secret<String>> => secret,
        /// The older name of token_policies.
        policies: Option<Vec<String>>,
        /// The older name of token_ttl.
        ttl: Option<Duration>,
        /// The older name of token_max_ttl.
        max_ttl: Option<Duration>,
        /// The older name of token_bound_cidrs.
        bound_cidrs: Option<Vec<String>>,
    }
}

/// What is written of a user.
struct WriteUser {
    own: Own,
    token: TokenFields,
}

impl FieldSet for WriteUser {
    fn fields() -> Vec<Field> {
        [Own::fields(), TokenFields::fields()].concat()
    }

    fn decode(input: &mut Input) -> Result<Self, Error> {
        Ok(Self { own: Own::decode(input)?, token: TokenFields::decode(input)? })
    }
}

fields! {
    /// A new password.
    struct WritePassword {
        /// Name of the user, in upper or lower case.
        username: String,
        /// Password of the user, of at most 72 bytes.
        password: Option<Secret<String>> => secret,
        /// The bcrypt hash of the password, in its place.
        password_hash: Option<Secret<String>> => secret,
    }
}

fields! {
    /// New policies.
    struct WritePolicies {
        /// Name of the user, in upper or lower case.
        username: String,
        /// Names of the policies.
        token_policies: Option<Vec<String>>,
        /// The older name of token_policies.
        policies: Option<Vec<String>>,
    }
}

fn at(template: &'static str, about: &'static str) -> Path<Userpass> {
    Path::new(template, about).folded_param("username", Segment::Name, "Name of the user, in upper or lower case.")
}

pub(super) fn list() -> Path<Userpass> {
    Path::new("users", "All users.").list(list_users, "List the names of users.")
}

pub(super) fn item() -> Path<Userpass> {
    at("users/{username}", "One user.")
        .exists(exists)
        .read(read, "Show a user.")
        .update(write, "Make or change a user.")
        .delete(delete, "Remove a user; the user's tokens live on.")
}

pub(super) fn password() -> Path<Userpass> {
    at("users/{username}/password", "The password of a user.").update(write_password, "Change the password.")
}

pub(super) fn policies() -> Path<Userpass> {
    at("users/{username}/policies", "The policies of a user.").update(write_policies, "Change the policies.")
}

/// A user's name as it is stored, in lower case: letters, digits, `_`, and `-`, `.`, `@` and the like within.
pub(super) fn check_name(name: &str) -> Result<String, Error> {
    let name = fold(name);
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(Error::Invalid(format!("a username has 1 to {NAME_BYTES_MAX} bytes").into()));
    }
    if name.contains(|c: char| c.is_control() || c.is_whitespace() || c == '/') {
        return Err(Error::invalid("a username must not hold white space, control characters or slashes"));
    }
    Ok(name)
}

async fn exists(_: &Userpass, context: &Context, input: Named) -> Result<bool, Error> {
    Ok(context.view.get(&place(&check_name(&input.username)?)).await?.is_some())
}

async fn list_users(_: &Userpass, context: &Context, input: Page) -> Result<Reply, Error> {
    Ok(Reply::list(context.view.list(FOLDER, &input.listing()).await?))
}

async fn read(_: &Userpass, context: &Context, input: Named) -> Result<Reply, Error> {
    let (user, _) = find(&context.view, &check_name(&input.username)?).await?.ok_or(Error::NotFound)?;
    let mut shown = user.terms.show();
    user.older_names.show(&mut shown);
    Ok(Reply::data(shown.into()))
}

async fn delete(_: &Userpass, context: &Context, input: Named) -> Result<Reply, Error> {
    let place = place(&check_name(&input.username)?);
    retry!(_ => {
        let Some(stored) = context.view.get(&place).await? else { return Ok(Reply::empty()) };
        context.view.changes().delete(&place, stored.revision()).commit().await?;
        Ok(Reply::empty())
    })
}

/// The hash that a request gives a user, if it gives one. Made before the entry is looked at: it takes a while.
async fn new_hash(
    method: &Userpass,
    context: &Context,
    password: Option<Secret<String>>,
    hash: Option<Secret<String>>,
) -> Result<Option<String>, Error> {
    match (password, hash) {
        (Some(_), Some(_)) => Err(Error::invalid("only one of password and password_hash can be given")),
        (Some(password), None) => method.hashing.hash(&context.env, password).await.map(Some),
        (None, Some(hash)) => hashing::given(&hash).map(Some),
        (None, None) => Ok(None),
    }
}

async fn write(method: &Userpass, context: &Context, input: WriteUser) -> Result<Reply, Error> {
    let WriteUser { own, mut token } = input;
    let username = check_name(&own.username)?;
    let hash = new_hash(method, context, own.password, own.password_hash).await?;
    let (policies, ttl, max_ttl, bound_cidrs) = (own.policies, own.ttl, own.max_ttl, own.bound_cidrs);
    let spelling = token.take_older(OlderFields { policies, ttl, max_ttl, bound_cidrs, ..OlderFields::default() });
    let given = Given { hash, token, spelling };
    retry!(_ => {
        let (user, known) = match find(&context.view, &username).await? {
            Some((user, stored)) => (Some(user), Some(stored.revision())),
            None => (None, None),
        };
        let user = changed(user, &given)?;
        context.view.changes().put(&place(&username), known, encode(&user)?).commit().await?;
        Ok(Reply::empty())
    })
}

/// What a write gives a user.
struct Given {
    hash: Option<String>,
    token: TokenFields,
    spelling: Spelling,
}

fn changed(user: Option<UserEntry>, given: &Given) -> Result<UserEntry, Error> {
    let mut user = match (user, &given.hash) {
        (Some(user), None) => user,
        (Some(user), Some(hash)) => UserEntry { hash: hash.clone(), ..user },
        (None, Some(hash)) => UserEntry::new(hash.clone()),
        (None, None) => return Err(Error::invalid("missing password")),
    };
    user.terms.apply(&given.token)?;
    user.older_names.apply(&given.spelling);
    Ok(user)
}

async fn write_password(method: &Userpass, context: &Context, input: WritePassword) -> Result<Reply, Error> {
    let username = check_name(&input.username)?;
    let hash = new_hash(method, context, input.password, input.password_hash).await?;
    let hash = hash.ok_or_else(|| Error::invalid("missing password"))?;
    let given = Given { hash: Some(hash), token: TokenFields::none(), spelling: Spelling::default() };
    change(context, &username, &given).await
}

async fn write_policies(_: &Userpass, context: &Context, input: WritePolicies) -> Result<Reply, Error> {
    let username = check_name(&input.username)?;
    if input.policies.is_none() && input.token_policies.is_none() {
        return Err(Error::invalid("missing token_policies"));
    }
    let mut token = TokenFields { token_policies: input.token_policies, ..TokenFields::none() };
    let spelling = token.take_older(OlderFields { policies: input.policies, ..OlderFields::default() });
    change(context, &username, &Given { hash: None, token, spelling }).await
}

/// Changes a user who is there.
async fn change(context: &Context, username: &str, given: &Given) -> Result<Reply, Error> {
    retry!(_ => {
        let found = find(&context.view, username).await?;
        let (user, stored) = found.ok_or_else(|| Error::invalid("username does not exist"))?;
        let user = changed(Some(user), given)?;
        context.view.changes().replace(&place(username), stored.revision(), encode(&user)?).commit().await?;
        Ok(Reply::empty())
    })
}
