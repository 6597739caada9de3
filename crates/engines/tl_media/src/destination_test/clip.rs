//! A quiet test picture and a quiet tone, encoded once and given out again and again.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bytes::Bytes;

use tl_base::{MediaTime, SAMPLE_RATE_HZ, SlotId, SourceId};
use tl_frame::{AccessUnit, AudioBlock, Colour, Frame, Memory, PixelFormat, Rotation, VecPlanes};

use crate::destination_test::Config;
use crate::encode::Video;
use crate::line::lock;
use crate::{AacEncoder, Error, VideoEncoder};

/// The test belongs to no camera.
const NOBODY: SourceId = SlotId(0);
/// Sound, bits a second.
const AUDIO_BPS: u32 = 128_000;
/// What the encoder may take for one picture.
const PATIENCE: Duration = Duration::from_secs(5);
/// One key picture and what hangs on it, seconds.
const SECONDS: i64 = 2;

/// Two seconds of programme, in the order of their times.
pub(super) struct Clip {
    pub(super) units: Vec<AccessUnit>,
    pub(super) length: MediaTime,
}

/// Encodes it, padded so that pictures and sound come to `bitrate_bps`.
pub(super) fn encode(config: &Config, bitrate_bps: u64) -> Result<Clip, Error> {
    let length = MediaTime::from_secs(SECONDS);
    let mut units = pictures(config, length)?;
    let sound = if config.has_audio { sound(length)? } else { Vec::new() };
    let sound_bytes: usize = sound.iter().map(|unit| unit.data.len()).sum();
    let wanted = usize::try_from(bitrate_bps * SECONDS.unsigned_abs() / 8).unwrap_or(0).saturating_sub(sound_bytes);
    let share = wanted / units.len().max(1);
    for unit in &mut units {
        unit.data = padded(&unit.data, share);
    }
    units.extend(sound);
    units.sort_by_key(|unit| unit.pts);
    Ok(Clip { units, length })
}

/// Grows a picture by a unit of filler data, which decoders skip (ITU-T H.264, 7.3.2.7: type 12).
fn padded(picture: &Bytes, share: usize) -> Bytes {
    /// Start code, header and closing bits.
    const FRAME: usize = 6;
    let missing = share.saturating_sub(picture.len());
    if missing <= FRAME {
        return picture.clone();
    }
    let mut out = Vec::with_capacity(share);
    out.extend_from_slice(picture);
    out.extend_from_slice(&[0, 0, 0, 1, 0x0c]);
    out.resize(share - 1, 0xff);
    out.push(0x80);
    out.into()
}

fn pictures(config: &Config, length: MediaTime) -> Result<Vec<AccessUnit>, Error> {
    let count = (length.as_secs_f64() * config.rate.as_f64()).round() as u64;
    let video = Video { source: NOBODY, size: config.size, rate: config.rate, bitrate_bps: config.bitrate_bps, gop: length + length, encoder: None };
    let (sender, receiver) = mpsc::sync_channel(4);
    let encoder = VideoEncoder::new(video, move |unit| {
        if sender.send(unit).is_err() {
            tracing::debug!("a test picture came too late");
        }
    })?;
    let late = || Error::Pipeline { what: "encoder", detail: "it gives no picture".to_owned() };
    let each = (0..count).map(|number| {
        encoder.push(picture(config, number), number == 0)?;
        receiver.recv_timeout(PATIENCE).map_err(|_| late())
    });
    each.collect()
}

/// Grey steps with a light bar that wanders over them.
fn picture(config: &Config, number: u64) -> Frame {
    let mut planes = VecPlanes::new(PixelFormat::I420, config.size);
    let (width, height) = (config.size.width as usize, config.size.height as usize);
    let luma = planes.plane_mut(0);
    let bar = (number as usize * 8) % width.max(1);
    for (at, value) in luma.iter_mut().enumerate().take(width * height) {
        let column = at % width.max(1);
        *value = if column.abs_diff(bar) < 8 { 200 } else { 30 + (column * 8 / width.max(1)) as u8 * 16 };
    }
    planes.plane_mut(1).fill(128);
    planes.plane_mut(2).fill(128);
    let capture = config.rate.tick_start(number);
    Frame {
        source: NOBODY,
        seq: number,
        format: PixelFormat::I420,
        colour: Colour::PROGRAMME,
        size: config.size,
        rotation: Rotation::None,
        capture,
        arrival: capture,
        memory: Memory::Cpu(Arc::new(planes)),
    }
}

/// A low tone at -40 dBFS: heard by whoever looks for it, by nobody else.
fn sound(length: MediaTime) -> Result<Vec<AccessUnit>, Error> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&seen);
    let encoder = AacEncoder::new(NOBODY, 2, AUDIO_BPS, move |unit| lock(&into).push(unit))?;
    const BLOCK: i64 = 4_800;
    for at in 0..(length.to_samples() / BLOCK) {
        let samples: Vec<f32> = (0..BLOCK).flat_map(|frame| [tone(at * BLOCK + frame); 2]).collect();
        let block = AudioBlock { source: NOBODY, capture: MediaTime::from_samples(at * BLOCK), rate_hz: SAMPLE_RATE_HZ, channels: 2, samples: samples.into() };
        encoder.push(&block)?;
    }
    encoder.finish()?;
    let mut units = std::mem::take(&mut *lock(&seen));
    units.retain(|unit| unit.pts >= MediaTime::ZERO && unit.pts < length);
    Ok(units)
}

fn tone(sample: i64) -> f32 {
    let turns = (sample * 220) as f32 / SAMPLE_RATE_HZ as f32;
    (turns.fract() * std::f32::consts::TAU).sin() * 0.01
}
