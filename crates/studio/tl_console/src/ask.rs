//! What a person asks for at the console.

use tl_wire::Action;

/// Something that the shell has to carry out.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// Of the show; the shell wraps it into a command with an id.
    Command(Action),
    /// Fill the screen, or leave it.
    FullScreen(bool),
    /// Open the control page, or bring it to the front.
    OpenDesk,
    /// Close the window; where the show is on air, the person has confirmed it.
    Close,
    /// Do not close after all: the person answered the question with no.
    StayOpen,
}
