//! Files that hold one secret on one line.

use std::path::Path;

use tl_base::Secret;

use crate::files;

/// The longest secret, characters.
const MAX_CHARS: usize = 1_024;

/// What the file holds, and what to warn about; or one phrase why not, without what it holds.
pub(super) fn read(path: &Path) -> Result<(Secret, Option<String>), String> {
    let told = |what: &str| format!("{what}: {}", path.display());
    let bytes = files::read_small(path).map_err(|error| error.to_string())?.ok_or_else(|| told("there is no such file"))?;
    let text = String::from_utf8(bytes).map_err(|_| told("the file is not text"))?;
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_CHARS || text.chars().any(char::is_control) {
        return Err(told("the file does not hold one secret on one line"));
    }
    Ok((Secret::new(text), is_open_to_others(path).then(|| told("others on this machine can read this file; make it yours alone (chmod 600)"))))
}

fn is_open_to_others(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).is_ok_and(|facts| facts.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}
