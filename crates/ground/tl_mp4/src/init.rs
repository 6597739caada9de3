//! The head of a fragmented file: brands, tracks and codec configurations, no samples.

use bytes::Bytes;
use mp4_atom::esds::{DecoderConfig, DecoderSpecific, EsDescriptor, SLConfig};
use mp4_atom::{
    Audio, Avc1, Avcc, AvccExt, Codec, Colr, Dinf, Dops, Dref, DrefEntry, Encode, Esds, FixedPoint, FourCC, Ftyp, Hdlr, Mdhd, Mdia, Minf, Moov, Mp4a, Mvex,
    Mvhd, Opus, Pasp, Smhd, Stbl, Stco, Stsd, Tkhd, Trak, Trex, Url, Visual, Vmhd,
};
use tl_base::SAMPLE_RATE_HZ;
use tl_frame::h264::Parameters;

use crate::{Error, Track, TrackConfig};

/// AudioSpecificConfig's index of 48 kHz (ISO/IEC 14496-3, table 1.18).
const AAC_48_KHZ: u8 = 3;
/// AudioSpecificConfig's object type of AAC-LC.
const AAC_LC: u8 = 2;

/// `ftyp` and `moov` of a fragmented file with these tracks. Equal tracks give equal bytes, so that two parts of a recording
/// can be compared by them. A single track gets the CMAF brand.
pub fn init_segment(tracks: &[Track]) -> Result<Bytes, Error> {
    let distinct =
        tracks.iter().enumerate().all(|(at, track)| track.id != 0 && track.timescale != 0 && tracks.iter().skip(at + 1).all(|other| other.id != track.id));
    if tracks.is_empty() || !distinct {
        return Err(Error::Tracks);
    }
    let mut out = Vec::with_capacity(1_024);
    file_type(tracks.len() == 1).encode(&mut out)?;
    let moov = Moov {
        mvhd: Mvhd {
            timescale: 1_000,
            rate: FixedPoint::new(1, 0),
            volume: FixedPoint::new(1, 0),
            next_track_id: tracks.iter().map(|track| track.id).max().unwrap_or(0).saturating_add(1),
            ..Mvhd::default()
        },
        mvex: Some(Mvex {
            mehd: None,
            trex: tracks.iter().map(|track| Trex { track_id: track.id, default_sample_description_index: 1, ..Trex::default() }).collect(),
        }),
        trak: tracks.iter().map(trak).collect::<Result<_, _>>()?,
        ..Moov::default()
    };
    moov.encode(&mut out)?;
    Ok(Bytes::from(out))
}

fn file_type(cmaf: bool) -> Ftyp {
    let mut compatible_brands = vec![FourCC::new(b"iso6"), FourCC::new(b"mp41")];
    if cmaf {
        compatible_brands.push(FourCC::new(b"cmfc"));
    }
    Ftyp { major_brand: FourCC::new(b"iso6"), minor_version: 0, compatible_brands }
}

fn trak(track: &Track) -> Result<Trak, Error> {
    let (handler, name) = if track.config.is_audio() { (b"soun", "Sound") } else { (b"vide", "Picture") };
    let size = match &track.config {
        TrackConfig::H264(parameters) => (side(parameters.size.width)?, side(parameters.size.height)?),
        _ => (0, 0),
    };
    let self_contained = Dref { entries: vec![DrefEntry::Url(Url::default())] };
    let minf = Minf {
        vmhd: (!track.config.is_audio()).then(Vmhd::default),
        smhd: track.config.is_audio().then(Smhd::default),
        dinf: Dinf { dref: self_contained },
        // The tables stay empty: all samples are in fragments.
        stbl: Stbl { stsd: Stsd { codecs: vec![sample_entry(&track.config)?] }, stco: Some(Stco::default()), ..Stbl::default() },
        ..Minf::default()
    };
    Ok(Trak {
        tkhd: Tkhd {
            track_id: track.id,
            enabled: true,
            in_movie: true,
            volume: FixedPoint::new(u8::from(track.config.is_audio()), 0),
            width: FixedPoint::new(size.0, 0),
            height: FixedPoint::new(size.1, 0),
            ..Tkhd::default()
        },
        mdia: Mdia {
            mdhd: Mdhd { timescale: track.timescale, language: "und".to_owned(), ..Mdhd::default() },
            hdlr: Hdlr { handler: FourCC::new(handler), name: name.to_owned() },
            minf,
        },
        ..Trak::default()
    })
}

fn side(pixels: u32) -> Result<u16, Error> {
    u16::try_from(pixels).map_err(|_| Error::TooLarge { what: "picture side", size: u64::from(pixels) })
}

fn sample_entry(config: &TrackConfig) -> Result<Codec, Error> {
    Ok(match config {
        TrackConfig::H264(parameters) => Codec::Avc1(avc1(parameters)?),
        TrackConfig::Aac { channels } => Codec::Mp4a(mp4a(*channels)),
        TrackConfig::Opus { channels, pre_skip } => {
            let dops = Dops {
                output_channel_count: u8::try_from(*channels).unwrap_or(2),
                pre_skip: *pre_skip,
                input_sample_rate: SAMPLE_RATE_HZ,
                output_gain: 0,
                channel_mapping: None,
            };
            Codec::Opus(Opus { audio: audio(*channels), dops, btrt: None })
        }
    })
}

fn avc1(parameters: &Parameters) -> Result<Avc1, Error> {
    let [profile, ..] = parameters.profile;
    let mut avcc = Avcc::new(&parameters.sps, &parameters.pps)?;
    // The High profiles say chroma and depth here once more; every source here is 4:2:0 with 8 bits.
    avcc.ext = matches!(profile, 100 | 110 | 122 | 144).then(AvccExt::default);
    Ok(Avc1 {
        visual: Visual { data_reference_index: 1, width: side(parameters.size.width)?, height: side(parameters.size.height)?, ..Visual::default() },
        avcc,
        btrt: None,
        colr: Some(Colr::Nclx { colour_primaries: 1, transfer_characteristics: 1, matrix_coefficients: 1, full_range_flag: false }),
        pasp: Some(Pasp { h_spacing: 1, v_spacing: 1 }),
        taic: None,
        fiel: None,
        spatial: None,
    })
}

fn audio(channels: u16) -> Audio {
    Audio { data_reference_index: 1, channel_count: channels, sample_size: 16, sample_rate: FixedPoint::new(48_000, 0) }
}

fn mp4a(channels: u16) -> Mp4a {
    let dec_specific = DecoderSpecific { profile: AAC_LC, freq_index: AAC_48_KHZ, chan_conf: u8::try_from(channels).unwrap_or(2), raw: Vec::new() };
    let dec_config = DecoderConfig { object_type_indication: 0x40, stream_type: 5, dec_specific: Some(dec_specific), ..DecoderConfig::default() };
    Mp4a {
        audio: audio(channels),
        esds: Esds { es_desc: EsDescriptor { dec_config, sl_config: SLConfig::default(), ..EsDescriptor::default() } },
        btrt: None,
        taic: None,
    }
}
