//! Scenarios: what is asked of a show, and what then is.

mod cutting;
mod score_and_clock;
mod stage;
