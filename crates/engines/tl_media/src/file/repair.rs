//! Makes a torn file whole again, beside the original until that is done.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use tl_base::MediaTime;

use crate::Error;
use crate::file::matroska;

/// What repairing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Repaired {
    /// Bytes of the file now.
    pub kept_bytes: u64,
    /// Bytes behind its last whole fragment that are gone; 0 when there was nothing to repair.
    pub lost_bytes: u64,
    /// Length of what is left, seconds.
    pub seconds: f64,
}

/// Cuts a file behind its last whole fragment or cluster and fills in what only a clean end knows. MP4 with fragments,
/// Matroska and WebM.
///
/// The whole part is copied beside the file and synced, then takes its name: whatever happens meanwhile, one of the two is
/// there. A file without a readable head, and a plain MP4 whose tables are missing, are refused and left as they are.
pub fn repair(path: &Path) -> Result<Repaired, Error> {
    if matroska::is_matroska(path)? { repair_matroska(path) } else { repair_mp4(path) }
}

fn repair_mp4(path: &Path) -> Result<Repaired, Error> {
    let found = tl_mp4::scan::scan(path)?;
    if !found.fragmented {
        return Err(Error::Content { what: "samples are in tables, which cannot be mended".to_owned(), path: path.to_path_buf() });
    }
    let length = |track: &tl_mp4::scan::TrackScan| track.end_decode_time as f64 / f64::from(track.timescale.max(1));
    let seconds = found.tracks.iter().map(length).fold(0.0, f64::max);
    let repaired = Repaired { kept_bytes: found.whole_bytes, lost_bytes: found.file_bytes - found.whole_bytes, seconds };
    if repaired.lost_bytes > 0 {
        replace(path, found.whole_bytes, &[], |copy| Ok(tl_mp4::scan::scan(copy)?.whole_bytes))?;
    }
    Ok(repaired)
}

fn repair_matroska(path: &Path) -> Result<Repaired, Error> {
    let found = matroska::scan(path)?;
    let last = found.tracks.iter().filter_map(|track| track.last).max().unwrap_or(MediaTime::ZERO);
    let repaired = Repaired { kept_bytes: found.whole_bytes, lost_bytes: found.file_bytes - found.whole_bytes, seconds: last.as_secs_f64() };
    let Some((size_at, width, starts_at)) = found.segment.filter(|_| repaired.lost_bytes > 0 || !found.sized) else { return Ok(repaired) };
    let mut patches = Vec::new();
    // A size in eight bytes has room for any; a shorter one that no longer fits is left "unknown", which players take.
    if width == 8 {
        let mut size = (found.whole_bytes - starts_at.min(found.whole_bytes)).to_be_bytes();
        if let Some(first) = size.first_mut() {
            *first = 0x01;
        }
        patches.push((size_at, size.to_vec()));
    }
    let ticks = last.nanos() as f64 / found.scale as f64;
    match found.duration {
        Some((at, 8)) => patches.push((at, ticks.to_be_bytes().to_vec())),
        Some((at, 4)) => patches.push((at, (ticks as f32).to_be_bytes().to_vec())),
        _ => {}
    }
    replace(path, found.whole_bytes, &patches, |copy| Ok(matroska::scan(copy)?.whole_bytes))?;
    Ok(repaired)
}

/// Copies the first bytes of a file, patches and checks the copy, and gives it the file's name.
fn replace(path: &Path, whole_bytes: u64, patches: &[(u64, Vec<u8>)], check: impl Fn(&Path) -> Result<u64, Error>) -> Result<(), Error> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".repairing-{}", std::process::id()));
    let copy = path.with_file_name(name);
    let done = copy_whole(path, &copy, whole_bytes, patches).and_then(|()| match check(&copy)? {
        bytes if bytes == whole_bytes => fs::rename(&copy, path).map_err(Error::file("rename", &copy)),
        _ => Err(Error::Content { what: "the mended copy is not whole".to_owned(), path: path.to_path_buf() }),
    });
    if done.is_err()
        && copy.exists()
        && let Err(error) = fs::remove_file(&copy)
    {
        tracing::warn!(path = %copy.display(), %error, "an unfinished copy stays behind");
    }
    done?;
    sync_folder(path)
}

fn copy_whole(path: &Path, copy: &PathBuf, whole_bytes: u64, patches: &[(u64, Vec<u8>)]) -> Result<(), Error> {
    let source = File::open(path).map_err(Error::file("open", path))?;
    let failed = || Error::file("write", copy);
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).open(copy).map_err(Error::file("create", copy))?;
    let copied = std::io::copy(&mut source.take(whole_bytes), &mut out).map_err(failed())?;
    if copied != whole_bytes {
        return Err(Error::Content { what: "the file became shorter meanwhile".to_owned(), path: path.to_path_buf() });
    }
    for (at, bytes) in patches {
        out.seek(SeekFrom::Start(*at)).and_then(|_| out.write_all(bytes)).map_err(failed())?;
    }
    out.sync_all().map_err(failed())
}

/// A rename is durable once its folder is.
fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Windows cannot open folders; there the rename itself is as durable as it gets.
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::file("sync", folder))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A head with a track list, as a live recorder writes it.
    const HEAD: [u8; 42] = [
        0x1a, 0x45, 0xdf, 0xa3, 0x80, 0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x15, 0x49, 0xa9, 0x66, 0x80, 0x16, 0x54, 0xae,
        0x6b, 0x8f, 0xae, 0x8d, 0xd7, 0x81, 1, 0x83, 0x81, 1, 0x86, 0x85, b'V', b'_', b'V', b'P', b'8',
    ];

    #[test]
    fn any_matroska_is_mended_or_left_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("any.webm");
        let cluster = [0x1f, 0x43, 0xb6, 0x75, 0x8a, 0xe7, 0x81, 0, 0xa3, 0x85, 0x81, 0, 0, 0x80, 9];
        std::fs::write(&path, [&HEAD[..], &cluster].concat()).expect("written");
        assert_eq!(repair(&path).expect("whole").kept_bytes, 57);
        bolero::check!().with_iterations(1_000).with_type::<(Vec<u8>, u16, u8)>().for_each(|(noise, at, mode)| {
            let mut bytes = [&HEAD[..], &cluster, &cluster].concat();
            let at = usize::from(*at) % (bytes.len() + 1);
            let end = if mode & 1 == 1 { (at + noise.len()).min(bytes.len()) } else { at };
            bytes.splice(at..end, noise.iter().copied());
            if mode & 6 == 6 {
                bytes = [&HEAD[..4], noise].concat();
            }
            std::fs::write(&path, &bytes).expect("written");
            match repair(&path) {
                Ok(repaired) => {
                    assert_eq!(fs::metadata(&path).expect("there").len(), repaired.kept_bytes);
                    assert_eq!(repair(&path).expect("whole now").lost_bytes, 0);
                }
                Err(_) => assert_eq!(fs::read(&path).expect("there"), bytes, "left as it was"),
            }
            assert_eq!(folder.path().read_dir().expect("a folder").count(), 1, "nothing else is left");
        });
    }
}
