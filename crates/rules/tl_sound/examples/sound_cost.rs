//! What a second of programme sound costs: six cameras heard at once, a commentator, limiter, loudness and two returns.
//!
//! `cargo run -p tl_sound --example sound_cost`

use std::time::Instant;

use tl_base::{MediaTime, SlotId, SourceId};
use tl_frame::AudioBlock;
use tl_sound::{Choice, Config, Listener, Mixer};

/// Frames of one AAC frame: what the studio asks for at a time.
const SPAN: usize = 1_024;
const SECS: usize = 20;
/// Frames of a block, as a phone's.
const BLOCK: usize = 960;

/// Processor time of this thread where the system tells, else time on the wall.
fn cpu_secs(start: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.as_deref().and_then(|text| text.split(' ').next()).and_then(|first| first.parse::<f64>().ok());
    nanos.map_or_else(|| start.elapsed().as_secs_f64(), |nanos| nanos / 1e9)
}

/// Noise of a source whose seconds are a little longer than the studio's.
fn blocks(source: SourceId, level: f32) -> Vec<AudioBlock> {
    let mut seed = u64::from(source.0);
    let stretch = 1.0 + f64::from(source.0) * 1e-5;
    (0..(SECS + 1) * 48_000 / BLOCK)
        .map(|block| {
            let samples = (0..BLOCK)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    ((seed >> 40) as f32 / 8_388_608.0 - 1.0) * level
                })
                .collect();
            let capture = MediaTime::from_secs_f64((block * BLOCK) as f64 / 48_000.0 * stretch);
            AudioBlock { source, capture, rate_hz: 48_000, channels: 1, samples }
        })
        .collect()
}

/// Milliseconds of a processor for each second of sound.
fn cost(choice: Choice, commentator: bool, listeners: &[Listener]) -> Result<f64, tl_sound::Error> {
    let mut mixer = Mixer::new(Config::default())?;
    mixer.choose(choice);
    mixer.listen(listeners);
    let voice = commentator.then_some(SlotId::COMMENTARY);
    let mut sources: Vec<_> = (1..=6).map(SlotId).chain(voice).map(|source| blocks(source, 0.3).into_iter().peekable()).collect();
    let begun = Instant::now();
    let before = cpu_secs(begun);
    let mut at = 0;
    while at + SPAN <= SECS * 48_000 {
        let until = MediaTime::from_samples((at + SPAN) as i64) + MediaTime::from_millis(40);
        for source in &mut sources {
            while let Some(block) = source.next_if(|block| block.capture < until) {
                mixer.push(block);
            }
        }
        std::hint::black_box(mixer.mix(MediaTime::from_samples(at as i64), SPAN));
        at += SPAN;
    }
    Ok((cpu_secs(begun) - before) * 1e3 / SECS as f64)
}

fn main() -> Result<(), tl_sound::Error> {
    let two = [Listener { own: SlotId(1), talkback: false }, Listener { own: SlotId(2), talkback: true }];
    let follow = Choice::Follow(Some(SlotId(1)));
    println!("ms of processor for a second of sound");
    println!("one of six heard                                  {:6.2}", cost(follow, false, &[])?);
    println!("one of six heard, commentator, two returns        {:6.2}", cost(follow, true, &two)?);
    println!("six heard                                         {:6.2}", cost(Choice::Mix, false, &[])?);
    println!("six heard, commentator                            {:6.2}", cost(Choice::Mix, true, &[])?);
    println!("six heard, commentator, two returns               {:6.2}", cost(Choice::Mix, true, &two)?);
    Ok(())
}
