//! `/explain`: how the numbers came about, as plain text: of all triggers, of one ScaledObject, or
//! of trigger metadata given as the query.

use std::collections::HashMap;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;

use super::{Facts, NotExplained, Shared};

type Pairs = Vec<(String, String)>;
type Words = (StatusCode, String);

pub(super) async fn explain<F: Facts>(
    State(shared): State<Shared<F>>,
    query: Result<Query<Pairs>, QueryRejection>,
) -> Words {
    let answer = match query {
        Ok(Query(pairs)) => answer(&shared.facts, pairs),
        Err(error) => Err((StatusCode::BAD_REQUEST, error.body_text())),
    };
    answer
        .map_or_else(|(code, words)| (code, format!("{words}\n")), |words| (StatusCode::OK, words))
}

fn answer<F: Facts>(facts: &F, pairs: Pairs) -> Result<String, Words> {
    let mut metadata = HashMap::new();
    for (key, value) in pairs {
        if let Some(first) = metadata.insert(key.clone(), value) {
            let key: String = key.chars().take(60).collect();
            let words = format!("`{key}` is given twice, the first time as `{first}`");
            return Err((StatusCode::BAD_REQUEST, words));
        }
    }
    let namespace = metadata.remove("namespace");
    let name = metadata.remove("name");
    match (metadata.is_empty(), namespace.is_some() || name.is_some()) {
        (true, _) => known(facts, namespace.as_deref(), name.as_deref()),
        (false, false) => match facts.explain_metadata(&metadata) {
            Ok(words) => Ok(format!("{words}\n")),
            Err(NotExplained::BadTrigger(words)) => Err((StatusCode::BAD_REQUEST, words)),
            Err(NotExplained::NoNumber(words)) => Err((StatusCode::SERVICE_UNAVAILABLE, words)),
        },
        (false, true) => {
            let words = "`namespace` and `name` choose a trigger that KEDA asked for; leave them \
                         out to try trigger metadata";
            Err((StatusCode::BAD_REQUEST, words.to_owned()))
        }
    }
}

fn known<F: Facts>(
    facts: &F,
    namespace: Option<&str>,
    name: Option<&str>,
) -> Result<String, Words> {
    let told = facts.explain_known(namespace, name);
    if told.is_empty() && (namespace.is_some() || name.is_some()) {
        let words = "KEDA asked for no such trigger lately; `/explain` lists those it asked for";
        return Err((StatusCode::NOT_FOUND, words.to_owned()));
    }
    if told.is_empty() {
        return Ok("KEDA has not asked for any trigger lately; try trigger metadata, such as \
                   /explain?vhost=/&target=2\n"
            .to_owned());
    }
    let parts =
        told.iter().map(|(title, words)| format!("{title}\n  {}\n", words.replace('\n', "\n  ")));
    Ok(parts.collect::<Vec<_>>().join("\n"))
}
