//! The other forms of a clip: sound as AAC, pictures as JPEG, both in one file.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use tl_base::{MediaTime, SAMPLE_RATE_HZ, Size, SlotId};
use tl_frame::{AccessUnit, AudioBlock, Codec, Frame, h264};
use tl_media::AacEncoder;
use tl_mp4::{Run, Sample, Track, TrackConfig};

use crate::Error;
use crate::clips::{Clip, Loaded, Sound, read_packets};
use crate::phones::unit_of;
use crate::rink::FRAMES;

/// Samples of each channel in an AAC frame.
pub(crate) const AAC_SAMPLES: u32 = 1_024;
/// Rounds of the game's loop after which AAC frames end where a round does: 4 x 480,000 samples are 1,875 frames.
const AAC_ROUNDS: usize = 4;
/// Frames that the encoder hears before the first that is kept, so that the seam is inaudible.
const LEAD_FRAMES: usize = 48;
/// Bits a second of the sound, as apps send it.
const AAC_BITRATE_BPS: u32 = 128_000;
/// Frames given to the encoder before it is waited for; it refuses what is more than a second ahead.
const AHEAD_FRAMES: usize = 16;
/// How long the encoder may take for a frame.
const PATIENCE: Duration = Duration::from_secs(10);
/// As cameras on the network are usually set.
const JPEG_QUALITY: u8 = 75;
/// No picture of the loop is larger.
const MAX_JPEG_BYTES: usize = 4 << 20;
/// Ticks a second of the film's pictures, and of one of them.
const FILM_TICKS: (u32, u32) = (90_000, 3_000);

/// Four rounds of the loop's sound (interleaved stereo of one) as AAC frames, each after its length in two bytes, big-endian.
pub(crate) fn aac_loop(samples: &[f32]) -> Result<Vec<u8>, Error> {
    let channel_samples = AAC_SAMPLES as usize;
    let wanted = samples.len() / 2 * AAC_ROUNDS / channel_samples;
    let lead = LEAD_FRAMES * channel_samples * 2;
    let round = samples.iter().copied().cycle();
    // One frame more at the end: an AAC frame is finished by what follows it.
    let start = samples.len().saturating_sub(lead % samples.len().max(1));
    let all: Vec<f32> = round.skip(start).take(lead + (wanted + 2) * channel_samples * 2).collect();
    let (sender, frames) = mpsc::sync_channel::<AccessUnit>(4 * AHEAD_FRAMES);
    // The receiver lives as long as the encoder; a frame that nobody takes any more is not needed.
    let encoder = AacEncoder::new(SlotId(0), 2, AAC_BITRATE_BPS, move |unit| drop(sender.send(unit))).map_err(Error::media("the sound cannot be encoded"))?;
    let mut made: Vec<AccessUnit> = Vec::new();
    for (index, block) in all.chunks(channel_samples * 2).enumerate() {
        let capture = MediaTime::from_samples((index * channel_samples) as i64);
        let block = AudioBlock { source: SlotId(0), capture, rate_hz: SAMPLE_RATE_HZ, channels: 2, samples: block.into() };
        encoder.push(&block).map_err(Error::media("the sound cannot be encoded"))?;
        while index > made.len() + AHEAD_FRAMES {
            made.push(
                frames.recv_timeout(PATIENCE).map_err(|_| Error::Media { what: "the sound cannot be encoded", message: "the encoder is silent".into() })?,
            );
        }
    }
    let rest = std::thread::scope(|scope| {
        let collected = scope.spawn(move || frames.iter().collect::<Vec<AccessUnit>>());
        let finished = encoder.finish().map_err(Error::media("the sound cannot be encoded"));
        finished.and_then(|()| collected.join().map_err(|_| Error::Thread { name: "sound", message: "it failed".into() }))
    })?;
    made.extend(rest);
    // The unit that begins where the loop does: the lead and the encoder's own run-in lie before it.
    let first = MediaTime::from_samples((LEAD_FRAMES * channel_samples) as i64);
    let kept: Vec<&AccessUnit> = made.iter().filter(|unit| unit.pts.0 >= first.0 - 1_000).take(wanted).collect();
    if kept.len() < wanted || kept.first().is_none_or(|unit| (unit.pts - first).abs() > MediaTime::from_micros(100)) {
        return Err(Error::Media { what: "the sound cannot be encoded", message: format!("{} of {wanted} frames", kept.len()) });
    }
    let mut out = Vec::new();
    for unit in kept {
        let length = u16::try_from(unit.data.len()).map_err(|_| Error::Invalid("an AAC frame of more than 64 KiB".into()))?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&unit.data);
    }
    Ok(out)
}

/// The loop's pictures, then the black and the frozen one, as JPEG, each after its length in four bytes, big-endian.
pub(crate) fn jpeg_loop(clip: &Clip) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    for (path, most) in [(&clip.video, FRAMES), (&clip.black, 1), (&clip.frozen, 1)] {
        let (mut count, mut problem) = (0, None);
        let on_video = |frame: Frame| {
            if count < most && problem.is_none() {
                count += 1;
                problem = add_jpeg(&mut out, &frame).err();
            }
        };
        tl_media::file::decode_file(path, on_video, |_| ()).map_err(Error::media("a clip cannot be decoded"))?;
        problem.map_or(Ok(()), Err)?;
        if count < most {
            return Err(Error::Unreadable { path: path.clone(), problem: format!("{count} of {most} pictures; delete the file to have it made again") });
        }
    }
    Ok(out)
}

fn add_jpeg(out: &mut Vec<u8>, frame: &Frame) -> Result<(), Error> {
    let whole = Size::new(frame.size.width, frame.size.height);
    let jpeg = tl_media::thumbnail_jpeg(frame, whole, JPEG_QUALITY).map_err(Error::media("a picture cannot be encoded"))?;
    let length = u32::try_from(jpeg.len()).map_err(|_| Error::Invalid("a picture of more than 4 GiB".into()))?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&jpeg);
    Ok(())
}

/// Reads what [`jpeg_loop`] made.
pub(crate) fn read_jpegs(path: &Path) -> Result<Loaded, Error> {
    let bytes = Bytes::from(std::fs::read(path).map_err(Error::file("cannot read the pictures", path))?);
    let mut pictures: Vec<AccessUnit> = Vec::new();
    let mut at = 0;
    while let Some(&[a, b, c, d]) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let end = at + 4 + length;
        if length > MAX_JPEG_BYTES || !bytes.get(at + 4..end).is_some_and(|jpeg| jpeg.starts_with(&[0xff, 0xd8])) {
            return Err(Error::Unreadable { path: path.into(), problem: format!("no picture at byte {at}; delete the file to have it made again") });
        }
        pictures.push(unit_of(Codec::Mjpeg, &bytes.slice(at + 4..end)));
        at = end;
    }
    if pictures.len() != FRAMES as usize + 2 {
        return Err(Error::Unreadable { path: path.into(), problem: format!("{} pictures; delete the file to have it made again", pictures.len()) });
    }
    let frozen = pictures.split_off(FRAMES as usize + 1);
    let black = pictures.split_off(FRAMES as usize);
    Ok(Loaded { video: pictures, black, frozen, sound: Sound { codec: Codec::AacAdts, packet_samples: AAC_SAMPLES, packets: Vec::new() } })
}

/// The loop with its sound in one fragmented MP4; both end at the same moment, so that it can go round.
pub(crate) fn film(clip: &Clip) -> Result<Vec<u8>, Error> {
    let mp4 = |error: tl_mp4::Error| Error::Media { what: "the film cannot be written", message: error.to_string() };
    let pictures = tl_media::file::read_access_units(&clip.video).map_err(Error::media("a clip cannot be read"))?;
    let packets = read_packets(&clip.sound)?;
    let head = pictures.first().and_then(|unit| h264::Parameters::find(&unit.data));
    let head =
        head.ok_or_else(|| Error::Unreadable { path: clip.video.clone(), problem: "no parameter sets; delete the file to have it made again".into() })?;
    let tracks = [
        Track { id: 1, timescale: FILM_TICKS.0, config: TrackConfig::H264(head) },
        Track { id: 2, timescale: SAMPLE_RATE_HZ, config: TrackConfig::Opus { channels: 2, pre_skip: 0 } },
    ];
    let mut out = tl_mp4::init_segment(&tracks).map_err(mp4)?.to_vec();
    // A second to a fragment: 30 pictures and 50 packets.
    for (number, (pictures, packets)) in pictures.chunks(30).zip(packets.chunks(50)).enumerate() {
        let picture = |unit: &AccessUnit| Sample { data: Bytes::from(h264::to_length_prefixed(&unit.data, false)), duration: FILM_TICKS.1, key: unit.key };
        let packet = |data: &Bytes| Sample { data: data.clone(), duration: 960, key: true };
        let runs = [
            Run { track_id: 1, base_decode_time: number as u64 * u64::from(FILM_TICKS.0), samples: pictures.iter().map(picture).collect() },
            Run { track_id: 2, base_decode_time: number as u64 * u64::from(SAMPLE_RATE_HZ), samples: packets.iter().map(packet).collect() },
        ];
        out.extend_from_slice(&tl_mp4::fragment(number as u32 + 1, &runs).map_err(mp4)?);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::hall;

    #[test]
    fn four_rounds_of_sound_are_a_whole_number_of_frames() {
        tl_media::init().expect("the media library");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.aac");
        std::fs::write(&path, aac_loop(&hall(1, 1)).expect("encoded")).expect("written");
        let frames = read_packets(&path).expect("read");
        assert_eq!(frames.len(), 1_875);
        let bytes: usize = frames.iter().map(Bytes::len).sum();
        assert!((bytes as f64 / 40.0 * 8.0 / f64::from(AAC_BITRATE_BPS) - 1.0).abs() < 0.2, "{bytes}");
    }

    #[test]
    fn damaged_pictures_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.jpegs");
        for bytes in [&[0, 0, 0, 2, 0xff, 0xd8][..], &[0, 0, 0, 9, 0xff, 0xd8], &[0xff; 40], &[]] {
            std::fs::write(&path, bytes).expect("written");
            assert!(matches!(read_jpegs(&path), Err(Error::Unreadable { .. })));
        }
    }
}
