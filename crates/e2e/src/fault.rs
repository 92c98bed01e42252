//! One broken feature of the wire, as data: which replies it hits, and what it does to them.
//!
//! A fault changes nothing else, so that a test that fails with it has failed because of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::http::Reply;
use crate::proxy::Request;

/// What is wrong, and with which requests.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Hits requests whose path and query contain this; all of them when it is empty.
    pub path: &'static str,
    /// What happens to them.
    pub damage: Damage,
}

/// What can be wrong. Values of fields are JSON text, because there the difference between `60` and `60.0` can be seen.
#[derive(Clone, Copy, Debug)]
pub enum Damage {
    /// The server never sees this field of the request's body.
    Forget(&'static str),
    /// The server never sees the query.
    ForgetQuery,
    /// The server never sees this header, named in lower case.
    Ignore(&'static str),
    /// Requests with this method are refused with this status.
    Method(&'static str, u16),
    /// Requests with this header, named in lower case, are refused with this status.
    Refuse(&'static str, u16),
    /// Everything is answered with 204, and the server never hears of it.
    Pretend,
    /// The same request (method, path, query and body, whoever asks) is answered as it was the first time.
    Repeat,
    /// Every field of this name in the reply has this value.
    Set(&'static str, &'static str),
    /// No field of this name is in the reply.
    Drop(&'static str),
    /// This text in the reply is another one.
    Swap(&'static str, &'static str),
    /// This header of the reply, named in lower case, has this value.
    Header(&'static str, &'static str),
    /// A reply with the first status comes with the second.
    Status(u16, u16),
    /// A 404 has the body of one that has nothing to say.
    Bare,
}

impl Fault {
    /// Lets the request through to `ask`, with the damage done before or behind.
    ///
    /// # Errors
    /// When `ask` fails, or a reply that should be JSON is none.
    pub(crate) fn apply(
        &self,
        mut request: Request,
        seen: &Replies,
        ask: impl FnOnce(&Request) -> Result<Reply>,
    ) -> Result<Reply> {
        if !request.target.contains(self.path) {
            return ask(&request);
        }
        match self.damage {
            Damage::Forget(field) => request.body = without_field(&request.body, field)?,
            Damage::ForgetQuery => request.target.truncate(request.target.find('?').unwrap_or(request.target.len())),
            Damage::Ignore(header) => request.headers.retain(|(name, _)| name != header),
            Damage::Method(method, status) if request.method == method => return Ok(refusal(status)),
            Damage::Refuse(header, status) if request.header(header).is_some() => return Ok(refusal(status)),
            Damage::Pretend => return Ok(Reply { status: 204, headers: Vec::new(), body: Vec::new() }),
            Damage::Repeat => return seen.of(&request, ask),
            _ => {}
        }
        let mut reply = ask(&request)?;
        match self.damage {
            Damage::Set(field, value) => {
                let value: Value = serde_json::from_str(value).with_context(|| format!("{value} is no JSON"))?;
                edit(&mut reply, |object| {
                    if let Some(known) = object.get_mut(field) {
                        *known = value.clone();
                    }
                })?;
            }
            Damage::Drop(field) => edit(&mut reply, |object| drop(object.remove(field)))?,
            Damage::Swap(from, to) => reply.body = reply.text().replace(from, to).into_bytes(),
            Damage::Header(name, value) => {
                reply.headers.retain(|(known, _)| known != name);
                reply.headers.push((name.to_owned(), value.to_owned()));
            }
            Damage::Status(from, to) if reply.status == from => reply.status = to,
            Damage::Bare if reply.status == 404 => reply.body = br#"{"errors":[]}"#.to_vec(),
            _ => {}
        }
        Ok(reply)
    }
}

/// The first replies, for [`Damage::Repeat`].
#[derive(Debug, Default)]
pub(crate) struct Replies(Mutex<HashMap<Asked, Reply>>);

/// Method, path with query, and body.
type Asked = (String, String, Vec<u8>);

impl Replies {
    fn of(&self, request: &Request, ask: impl FnOnce(&Request) -> Result<Reply>) -> Result<Reply> {
        let key = (request.method.clone(), request.target.clone(), request.body.clone());
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(reply) = known {
            return Ok(reply);
        }
        let reply = ask(request)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, reply.clone());
        Ok(reply)
    }
}

fn refusal(status: u16) -> Reply {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Reply { status, headers, body: br#"{"errors":["refused"]}"#.to_vec() }
}

fn without_field(body: &[u8], field: &str) -> Result<Vec<u8>> {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else { return Ok(body.to_vec()) };
    if let Some(object) = value.as_object_mut() {
        object.remove(field);
    }
    serde_json::to_vec(&value).context("writing the request without a field")
}

/// Changes every object in the reply. A reply without a body stays as it is.
fn edit(reply: &mut Reply, mut change: impl FnMut(&mut serde_json::Map<String, Value>)) -> Result<()> {
    if reply.body.is_empty() {
        return Ok(());
    }
    let mut value = reply.json()?;
    each_object(&mut value, &mut change);
    reply.body = serde_json::to_vec(&value).context("writing the changed reply")?;
    Ok(())
}

fn each_object(value: &mut Value, change: &mut impl FnMut(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            change(object);
            object.values_mut().for_each(|inner| each_object(inner, change));
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| each_object(inner, change)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
