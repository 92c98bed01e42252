use super::*;
use crate::input::Nothing;
use crate::{Context, Engine, Path, fields, sample};

fn session() -> Vec<Step> {
    vec![
        Step::read("notes/a"),
        Step::write("notes/a", json!({ "text": "one", "tags": "x,y" })),
        Step::write("notes/b", json!({ "text": "two" })),
        Step::write("notes/c", json!({ "text": "three" })),
        Step::list("notes"),
        Step::write("notes/a", json!({ "text": "changed", "type": "memo" })),
        Step::delete("notes/b"),
        Step::patch("notes/a", json!({ "tags": null })),
        Step::read("count"),
        Step::write("box/a", json!({ "x": 1 })),
        Step::read("notes/a"),
        Step::list("notes"),
    ]
}

#[tokio::test]
async fn a_sound_engine_passes() {
    check(sample::engine, &session()).await;
}

fields! {
    /// Takes a word.
    struct Word {
        /// A word.
        word: Option<String>,
    }
}

fn engine_of(path: Path<()>) -> Arc<dyn Mounted> {
    Engine::secrets("bad", "Is bad.").paths([path]).mount(()).expect("a sound table")
}

async fn blurt(_: &(), _: &Context, input: Word) -> Result<Reply, Error> {
    Err(Error::Invalid(format!("no such word: {}", input.word.unwrap_or_default()).into()))
}

async fn lose(_: &(), context: &Context, _: Nothing) -> Result<Reply, Error> {
    // Writes in two commits what belongs together, and takes the first one for the whole.
    let is_done = context.view.get("first").await?.is_some();
    if !is_done {
        for name in ["first", "second"] {
            let changes = context.view.changes().create(name, b"{}".to_vec());
            changes.commit().await.map_err(|_| Error::world("write", "it failed"))?;
        }
    }
    Ok(Reply::empty())
}

async fn names(_: &(), context: &Context, _: Nothing) -> Result<Reply, Error> {
    Ok(Reply::list(context.view.list("", &crate::view::Listing::default()).await?))
}

#[tokio::test]
#[should_panic(expected = "is no whole sentence")]
async fn a_path_without_description_fails() {
    check(|| engine_of(Path::new("a", "lacks a full stop").read::<Word>(blurt, "Reads.")), &[]).await;
}

#[tokio::test]
#[should_panic(expected = "does not page")]
async fn a_list_that_does_not_page_fails() {
    check(|| engine_of(Path::new("a", "Lists.").list::<Nothing>(names, "Lists.")), &[]).await;
}

#[tokio::test]
#[should_panic(expected = "repeats the value of word")]
async fn a_complaint_that_repeats_a_value_fails() {
    check(|| engine_of(Path::new("a", "Blurts.").read::<Word>(blurt, "Blurts.")), &[]).await;
}

#[tokio::test]
#[should_panic(expected = "Commit 2 with Fail")]
async fn a_write_in_two_halves_fails() {
    let row = || Path::new("a", "Loses.").update::<Nothing>(lose, "Loses.").read::<Nothing>(names, "Reads.");
    check(|| engine_of(row()), &[Step::write("a", json!({})), Step::read("a")]).await;
}

#[tokio::test]
#[should_panic(expected = "no write that a rival could disturb")]
async fn a_session_without_writes_fails() {
    let row = || Path::new("a", "Reads.").read::<Nothing>(names, "Reads.");
    check(|| engine_of(row()), &[Step::read("a")]).await;
}
