//! Where the programme may go.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use tl_store::setup::DestinationSetup;
use tl_wire::RefusalCode;

use super::json;
use crate::app::App;
use crate::body::{read_json, read_secret_json};
use crate::guard::Caller;
use crate::refused::Refused;

/// The longest name, characters.
const MAX_NAME_CHARS: usize = 40;

/// How long a test may take, seconds.
const TEST_SECONDS: std::ops::RangeInclusive<u32> = 1..=10;

pub(super) async fn list_destinations(State(app): State<Arc<App>>) -> Response {
    json(&app.backend.destinations())
}

pub(super) async fn set_destination(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    request: Request,
) -> Result<StatusCode, Refused> {
    check_name(&name)?;
    let setup: DestinationSetup = read_secret_json(request, &app.config.limits).await?;
    caller.check_still(&app)?;
    setup.check().map_err(|reason| Refused::invalid(format!("This cannot be a destination: {reason}.")))?;
    app.backend.set_destination(caller.actor, name, setup).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn remove_destination(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<StatusCode, Refused> {
    check_name(&name)?;
    app.backend.remove_destination(caller.actor, name).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestAsked {
    #[serde(default = "usual_seconds")]
    seconds: u32,
}

fn usual_seconds() -> u32 {
    5
}

pub(super) async fn test_destination(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    check_name(&name)?;
    let asked: TestAsked = read_json(request, &app.config.limits).await?;
    caller.check_still(&app)?;
    if !TEST_SECONDS.contains(&asked.seconds) {
        return Err(Refused::invalid("A test takes 1 to 10 seconds; ask for that."));
    }
    let busy = || Refused::new(RefusalCode::TooMany, "Another destination is being tested; wait until that is done.").retry_after(5);
    let _one_at_a_time = app.trials.take(()).ok_or_else(busy)?;
    Ok(json(&app.backend.test_destination(caller.actor, name, asked.seconds).await?))
}

fn check_name(name: &str) -> Result<(), Refused> {
    let plain = (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control) && name.trim() == name;
    if plain { Ok(()) } else { Err(Refused::invalid(format!("A destination's name has 1 to {MAX_NAME_CHARS} characters on one line; choose another."))) }
}
