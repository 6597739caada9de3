//! What may keep the program from starting.

use std::io;
use std::path::PathBuf;

/// Each says what to do about it where something can be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot be read: {path}: {source}", path = path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("is not a 64-bit little-endian ELF file: {path}", path = path.display())]
    NotElf { path: PathBuf },
    #[error("no SquashFS image lies behind the program, so the download was cut short or changed: {path}", path = path.display())]
    NoImage { path: PathBuf },
    #[error("the image is damaged, download it again: {what}")]
    Damaged { what: String },
    #[error("the image holds {what}, which no package of ours does")]
    Unexpected { what: String },
    #[error("cannot be written, make room or set XDG_CACHE_HOME to another folder: {path}: {source}", path = path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("others may write there, so nothing is started from it: {path}", path = path.display())]
    NotOurs { path: PathBuf },
    #[error("is there already: {path}", path = path.display())]
    Exists { path: PathBuf },
    #[error("there is neither XDG_CACHE_HOME nor HOME, so there is nowhere to unpack to")]
    NoHome,
    #[error("this AppImage unpacks instead of mounting; to mount it: squashfuse -o offset={offset} FILE FOLDER")]
    NoMount { offset: u64 },
    #[error("--appimage-extract unpacks everything and takes no pattern")]
    NoPattern,
    #[error("cannot be started: {path}: {source}", path = path.display())]
    Start { path: PathBuf, source: io::Error },
}
