//! What can end a program that runs until it is ended: its parent, or a person.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Rises when standard input is closed, which is how a parent ends its children, also when it dies itself.
pub fn stdin_closes(stop: &Arc<AtomicBool>) -> std::io::Result<JoinHandle<()>> {
    let stop = Arc::clone(stop);
    std::thread::Builder::new().name("stdin".into()).spawn(move || {
        let mut byte = [0; 64];
        while matches!(std::io::stdin().lock().read(&mut byte), Ok(read) if read > 0) {}
        stop.store(true, Ordering::Release);
    })
}

/// Rises at Ctrl-C or a polite request to end.
pub fn person_interrupts(stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let stop = Arc::clone(stop);
    tl_studio::on_interrupt(move || stop.store(true, Ordering::Release))?;
    Ok(())
}
