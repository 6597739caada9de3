//! The head of a fragmented file: brands, tracks and codec configurations, no samples.

use bytes::Bytes;
use mp4_atom::esds::{DecoderConfig, DecoderSpecific, EsDescriptor, SLConfig};
use mp4_atom::{
    Audio, Av01, Av1c, Avc1, Avcc, AvccExt, Codec, Colr, Dinf, Dops, Dref, DrefEntry, Encode, Esds, FixedPoint, FourCC, Ftyp, Hdlr, Hvc1, HvcCArray, Hvcc,
    Mdhd, Mdia, Minf, Moov, Mp4a, Mvex, Mvhd, Opus, Pasp, Smhd, Stbl, Stco, Stsd, Tkhd, Trak, Trex, Url, Visual, Vmhd, Vp09, VpcC,
};
use tl_base::{SAMPLE_RATE_HZ, Size};
use tl_frame::{adts, av1, h264, h265};

use crate::{Error, Track, TrackConfig, Vp9};

/// AudioSpecificConfig's index of 48 kHz (ISO/IEC 14496-3, table 1.18).
const AAC_48_KHZ: u8 = 3;
/// AudioSpecificConfig's object type of AAC-LC.
const AAC_LC: u8 = 2;

/// `ftyp` and `moov` of a fragmented file with these tracks. Equal tracks give equal bytes, so that two parts of a recording
/// can be compared by them. A single track gets the CMAF brand.
pub fn init_segment(tracks: &[Track]) -> Result<Bytes, Error> {
    let named: Vec<(Track, &str)> = tracks.iter().map(|track| (track.clone(), if track.config.is_audio() { "Sound" } else { "Picture" })).collect();
    init_segment_named(&named)
}

/// The same with a name for each track, which players show where there is a choice. Sound tracks are alternatives of each
/// other: a player plays the first unless a person asks for another.
pub fn init_segment_named(named: &[(Track, &str)]) -> Result<Bytes, Error> {
    let tracks: Vec<&Track> = named.iter().map(|(track, _)| track).collect();
    let distinct =
        tracks.iter().enumerate().all(|(at, track)| track.id != 0 && track.timescale != 0 && tracks.iter().skip(at + 1).all(|other| other.id != track.id));
    if tracks.is_empty() || !distinct {
        return Err(Error::Tracks);
    }
    let first_sound = tracks.iter().find(|track| track.config.is_audio()).map(|track| track.id);
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
        trak: named.iter().map(|(track, name)| trak(track, name, first_sound)).collect::<Result<_, _>>()?,
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

fn trak(track: &Track, name: &str, first_sound: Option<u32>) -> Result<Trak, Error> {
    let is_audio = track.config.is_audio();
    let handler = if is_audio { b"soun" } else { b"vide" };
    let size = match track.config.size() {
        Some(size) => (side(size.width)?, side(size.height)?),
        None => (0, 0),
    };
    let self_contained = Dref { entries: vec![DrefEntry::Url(Url::default())] };
    let minf = Minf {
        vmhd: (!is_audio).then(Vmhd::default),
        smhd: is_audio.then(Smhd::default),
        dinf: Dinf { dref: self_contained },
        // The tables stay empty: all samples are in fragments.
        stbl: Stbl { stsd: Stsd { codecs: vec![sample_entry(&track.config)?] }, stco: Some(Stco::default()), ..Stbl::default() },
        ..Minf::default()
    };
    Ok(Trak {
        tkhd: Tkhd {
            track_id: track.id,
            enabled: !is_audio || first_sound == Some(track.id),
            in_movie: true,
            alternate_group: u16::from(is_audio),
            volume: FixedPoint::new(u8::from(is_audio), 0),
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
        TrackConfig::H265(parameters) => Codec::Hvc1(hvc1(parameters)?),
        TrackConfig::Vp9(config) => Codec::Vp09(vp09(config)?),
        TrackConfig::Av1(sequence) => Codec::Av01(av01(sequence)?),
        TrackConfig::Aac { channels } => Codec::Mp4a(mp4a(AAC_LC, AAC_48_KHZ, u8::try_from(*channels).unwrap_or(2))),
        TrackConfig::SourceAac { object_type, rate_index, channels } => Codec::Mp4a(mp4a(*object_type, *rate_index, *channels)),
        TrackConfig::Opus { channels, pre_skip } => {
            let dops = Dops {
                output_channel_count: u8::try_from(*channels).unwrap_or(2),
                pre_skip: *pre_skip,
                input_sample_rate: SAMPLE_RATE_HZ,
                output_gain: 0,
                channel_mapping: None,
            };
            Codec::Opus(Opus { audio: audio(*channels, SAMPLE_RATE_HZ), dops, btrt: None })
        }
    })
}

fn visual(size: Size) -> Result<Visual, Error> {
    Ok(Visual { data_reference_index: 1, width: side(size.width)?, height: side(size.height)?, ..Visual::default() })
}

fn avc1(parameters: &h264::Parameters) -> Result<Avc1, Error> {
    let [profile, ..] = parameters.profile;
    let mut avcc = Avcc::new(&parameters.sps, &parameters.pps)?;
    // The High profiles say chroma and depth here once more; every source here is 4:2:0 with 8 bits.
    avcc.ext = matches!(profile, 100 | 110 | 122 | 144).then(AvccExt::default);
    Ok(Avc1 {
        visual: visual(parameters.size)?,
        avcc,
        btrt: None,
        colr: Some(Colr::Nclx { colour_primaries: 1, transfer_characteristics: 1, matrix_coefficients: 1, full_range_flag: false }),
        pasp: Some(Pasp { h_spacing: 1, v_spacing: 1 }),
        taic: None,
        fiel: None,
        spatial: None,
    })
}

/// Colours are told by the parameter sets themselves, so that nothing here can contradict them.
fn hvc1(parameters: &h265::Parameters) -> Result<Hvc1, Error> {
    let [head, compatible @ .., a, b, c, d, e, f, level] = parameters.profile;
    let array = |kind: u8, nals: Vec<Vec<u8>>| HvcCArray { completeness: true, nal_unit_type: kind, nalus: nals };
    let hvcc = Hvcc {
        general_profile_space: head >> 6,
        general_tier_flag: head >> 5 & 1 == 1,
        general_profile_idc: head & 0x1f,
        general_profile_compatibility_flags: compatible,
        general_constraint_indicator_flags: [a, b, c, d, e, f],
        general_level_idc: level,
        chroma_format_idc: parameters.chroma_format,
        bit_depth_luma_minus8: parameters.bit_depth.0.saturating_sub(8),
        bit_depth_chroma_minus8: parameters.bit_depth.1.saturating_sub(8),
        num_temporal_layers: parameters.layers.0,
        temporal_id_nested: parameters.layers.1,
        length_size_minus_one: 3,
        arrays: vec![
            array(h265::VPS, vec![parameters.vps.to_vec()]),
            array(h265::SPS, vec![parameters.sps.to_vec()]),
            array(h265::PPS, parameters.pps.iter().map(|nal| nal.to_vec()).collect()),
        ],
        ..Hvcc::new()
    };
    Ok(Hvc1 { visual: visual(parameters.size)?, hvcc, pasp: Some(Pasp { h_spacing: 1, v_spacing: 1 }), ..Hvc1::default() })
}

fn vp09(config: &Vp9) -> Result<Vp09, Error> {
    // VP9 names its colours coarsely; what is neither of these two is told as unknown (ISO/IEC 23091-2: 2).
    let matrix = match config.colour.space {
        1 => 6,
        2 => 1,
        _ => 2,
    };
    let vpcc = VpcC {
        profile: config.profile,
        level: config.level(),
        bit_depth: config.colour.bit_depth,
        chroma_subsampling: config.chroma(),
        video_full_range_flag: config.colour.full_range,
        color_primaries: matrix,
        transfer_characteristics: matrix,
        matrix_coefficients: matrix,
        codec_initialization_data: Vec::new(),
    };
    Ok(Vp09 { visual: visual(config.size)?, vpcc, ..Vp09::default() })
}

fn av01(sequence: &av1::Sequence) -> Result<Av01, Error> {
    let av1c = Av1c {
        seq_profile: sequence.profile,
        seq_level_idx_0: sequence.level.0,
        seq_tier_0: sequence.level.1,
        high_bitdepth: sequence.depth.0,
        twelve_bit: sequence.depth.1,
        monochrome: sequence.monochrome,
        chroma_subsampling_x: sequence.subsampling.0,
        chroma_subsampling_y: sequence.subsampling.1,
        chroma_sample_position: sequence.chroma_position,
        initial_presentation_delay: None,
        config_obus: sequence.obu.to_vec(),
    };
    Ok(Av01 { visual: visual(sequence.size)?, av1c, ..Av01::default() })
}

fn audio(channels: u16, rate_hz: u32) -> Audio {
    // Rates above 65,535 Hz do not fit here; decoders read the configuration anyway.
    Audio { data_reference_index: 1, channel_count: channels, sample_size: 16, sample_rate: FixedPoint::new(u16::try_from(rate_hz).unwrap_or(0), 0) }
}

fn mp4a(object_type: u8, rate_index: u8, channels: u8) -> Mp4a {
    let dec_specific = DecoderSpecific { profile: object_type, freq_index: rate_index, chan_conf: channels, raw: Vec::new() };
    let dec_config = DecoderConfig { object_type_indication: 0x40, stream_type: 5, dec_specific: Some(dec_specific), ..DecoderConfig::default() };
    // Configuration 7 means eight channels.
    let count = if channels == 7 { 8 } else { u16::from(channels) };
    Mp4a {
        audio: audio(count, adts::rate_of(rate_index)),
        esds: Esds { es_desc: EsDescriptor { dec_config, sl_config: SLConfig::default(), ..EsDescriptor::default() } },
        btrt: None,
        taic: None,
    }
}
