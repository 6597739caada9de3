// Draws one piece of a layer or of a graphic onto the planes of the canvas. Every piece is one triangle that covers the target; the
// scissor cuts out the piece. Values are 8-bit code values where a comment says so, else 0 to 1.

struct Draw {
    // Stored luma pixel of a canvas luma pixel: (x * m.x + y * m.y, x * m.z + y * m.w) + offset.
    turn: vec4<f32>,
    // xy: offset of the mapping, or the origin of a graphic on the canvas. zw: stored luma pixels per canvas pixel along the stored axes.
    offset: vec4<f32>,
    // Code values: dot(row.xyz, (y, u, v)) + row.w.
    luma_row: vec4<f32>,
    u_row: vec4<f32>,
    v_row: vec4<f32>,
    // x: opacity. y: canvas column at which the wipe's soft edge ends. z: 1 / its width, 0 without a wipe.
    cover: vec4<f32>,
}

@group(0) @binding(0) var<uniform> draw: Draw;
@group(1) @binding(0) var luma_plane: texture_2d<f32>;
@group(1) @binding(1) var u_plane: texture_2d<f32>;
@group(1) @binding(2) var v_plane: texture_2d<f32>;
@group(1) @binding(3) var nearest: sampler;

// 0: the texel itself. 1: luma by Catmull-Rom over 4x4 texels, chroma linear. 2: luma as the mean over the canvas pixel's area, chroma
// linear, for steps of at most two texels. 3: means for steps of at most three. 4: means without a limit.
override kernel: u32 = 0;
// Whether luma takes part of chroma, because the matrices differ.
override mixes_chroma: bool = false;

@vertex
fn whole_target(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    let corner = vec2<f32>(f32((index << 1u) & 2u), f32(index & 2u));
    return vec4<f32>(corner * 2.0 - 1.0, 0.0, 1.0);
}

fn stored(canvas: vec2<f32>) -> vec2<f32> {
    return vec2<f32>(dot(draw.turn.xy, canvas), dot(draw.turn.zw, canvas)) + draw.offset.xy;
}

// Chroma lies on every second column of luma and between two rows (H.264 chroma location 0).
fn chroma_of_luma(luma: vec2<f32>) -> vec2<f32> {
    return vec2<f32>(luma.x * 0.5 + 0.25, luma.y * 0.5);
}

fn luma_of_chroma(chroma: vec2<f32>) -> vec2<f32> {
    return vec2<f32>(chroma.x * 2.0 - 0.5, chroma.y * 2.0);
}

fn alpha(column: f32) -> f32 {
    return draw.cover.x * select(1.0, smoothstep(0.0, 1.0, (draw.cover.y - column) * draw.cover.z), draw.cover.z > 0.0);
}

fn catmull_rom(t: f32) -> vec4<f32> {
    let t2 = t * t;
    let t3 = t2 * t;
    return vec4<f32>(-0.5 * t3 + t2 - 0.5 * t, 1.5 * t3 - 2.5 * t2 + 1.0, -1.5 * t3 + 2.0 * t2 + 0.5 * t, 0.5 * t3 - 0.5 * t2);
}

// Four by four texels whose left top one is `first`, weighted.
fn window(plane: texture_2d<f32>, first: vec2<f32>, wx: vec4<f32>, wy: vec4<f32>) -> f32 {
    let texel = 1.0 / vec2<f32>(textureDimensions(plane));
    let near = (first + 1.0) * texel;
    let far = (first + 3.0) * texel;
    let a = textureGather(0, plane, nearest, near);
    let b = textureGather(0, plane, nearest, vec2<f32>(far.x, near.y));
    let c = textureGather(0, plane, nearest, vec2<f32>(near.x, far.y));
    let d = textureGather(0, plane, nearest, far);
    let rows = wy.x * vec4<f32>(a.wz, b.wz) + wy.y * vec4<f32>(a.xy, b.xy) + wy.z * vec4<f32>(c.wz, d.wz) + wy.w * vec4<f32>(c.xy, d.xy);
    return dot(wx, rows);
}

fn cubic(plane: texture_2d<f32>, at: vec2<f32>) -> f32 {
    let base = floor(at - 0.5);
    return clamp(window(plane, base - 1.0, catmull_rom(at.x - 0.5 - base.x), catmull_rom(at.y - 0.5 - base.y)), 0.0, 1.0);
}

fn linear(plane: texture_2d<f32>, at: vec2<f32>) -> f32 {
    let first = floor(at - 0.5);
    let part = at - 0.5 - first;
    let found = textureGather(0, plane, nearest, (first + 1.0) / vec2<f32>(textureDimensions(plane)));
    return mix(mix(found.w, found.z, part.x), mix(found.x, found.y, part.x), part.y);
}

// Share of each of four texels from `first` on in a box around `at`.
fn box_weights(at: f32, first: f32, size: f32) -> vec4<f32> {
    let texels = vec4<f32>(first) + vec4<f32>(0.0, 1.0, 2.0, 3.0);
    let low = max(texels, vec4<f32>(at - size * 0.5));
    let high = min(texels + 1.0, vec4<f32>(at + size * 0.5));
    let shares = max(high - low, vec4<f32>(0.0));
    // A box a little wider than three texels may touch a fifth.
    return shares / dot(shares, vec4<f32>(1.0));
}

// The mean over a box as wide as the canvas pixel, from one to three texels, which at one texel is linear interpolation.
fn small_mean(plane: texture_2d<f32>, at: vec2<f32>, size: vec2<f32>) -> f32 {
    let first = floor(at - size * 0.5);
    return window(plane, first, box_weights(at.x, first.x, size.x), box_weights(at.y, first.y, size.y));
}

// Shares of two texels from `first` on.
fn pair_weights(low: f32, high: f32, first: f32) -> vec2<f32> {
    let texels = vec2<f32>(first, first + 1.0);
    return max(min(texels + 1.0, vec2<f32>(high)) - max(texels, vec2<f32>(low)), vec2<f32>(0.0));
}

// The same for a box of any size, two by two texels at a time.
fn large_mean(plane: texture_2d<f32>, at: vec2<f32>, size: vec2<f32>) -> f32 {
    let low = at - size * 0.5;
    let high = at + size * 0.5;
    let texel = 1.0 / vec2<f32>(textureDimensions(plane));
    var sum = 0.0;
    for (var y = floor(low.y); y < high.y; y += 2.0) {
        let wy = pair_weights(low.y, high.y, y);
        for (var x = floor(low.x); x < high.x; x += 2.0) {
            let found = textureGather(0, plane, nearest, (vec2<f32>(x, y) + 1.0) * texel);
            let wx = pair_weights(low.x, high.x, x);
            sum += wy.x * dot(wx, found.wz) + wy.y * dot(wx, found.xy);
        }
    }
    return sum / (size.x * size.y);
}

fn mean(plane: texture_2d<f32>, at: vec2<f32>) -> f32 {
    let size = max(draw.offset.zw, vec2<f32>(1.0));
    if kernel == 4u {
        return large_mean(plane, at, size);
    }
    return small_mean(plane, at, size);
}

fn luma_at(at: vec2<f32>) -> f32 {
    if kernel == 0u {
        return textureLoad(luma_plane, vec2<i32>(floor(at)), 0).r;
    }
    if kernel == 1u {
        return cubic(luma_plane, at);
    }
    return mean(luma_plane, at);
}

// Colour that is enlarged or made little smaller is interpolated linearly: nobody sees more.
fn chroma_at(plane: texture_2d<f32>, at: vec2<f32>) -> f32 {
    if kernel == 0u {
        return textureLoad(plane, vec2<i32>(floor(at)), 0).r;
    }
    if kernel == 1u || kernel == 2u {
        return linear(plane, at);
    }
    return mean(plane, at);
}

struct Chroma {
    @location(0) u: vec4<f32>,
    @location(1) v: vec4<f32>,
}

@fragment
fn layer_luma(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
    let place = stored(at.xy);
    var code = draw.luma_row.x * 255.0 * luma_at(place) + draw.luma_row.w;
    if mixes_chroma {
        let between = chroma_of_luma(place);
        let u = linear(u_plane, between);
        let v = linear(v_plane, between);
        code += 255.0 * (draw.luma_row.y * u + draw.luma_row.z * v);
    }
    return vec4<f32>(vec3<f32>(code / 255.0), alpha(at.x));
}

@fragment
fn layer_chroma(@builtin(position) at: vec4<f32>) -> Chroma {
    let canvas = luma_of_chroma(at.xy);
    let place = chroma_of_luma(stored(canvas));
    let u = 255.0 * chroma_at(u_plane, place);
    let v = 255.0 * chroma_at(v_plane, place);
    let out = vec2<f32>(draw.u_row.y * u + draw.u_row.z * v + draw.u_row.w, draw.v_row.y * u + draw.v_row.z * v + draw.v_row.w) / 255.0;
    let a = alpha(canvas.x);
    return Chroma(vec4<f32>(vec3<f32>(out.x), a), vec4<f32>(vec3<f32>(out.y), a));
}

@fragment
fn solid_luma(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
    return vec4<f32>(vec3<f32>(draw.luma_row.w / 255.0), alpha(at.x));
}

@fragment
fn solid_chroma(@builtin(position) at: vec4<f32>) -> Chroma {
    let a = alpha(luma_of_chroma(at.xy).x);
    return Chroma(vec4<f32>(vec3<f32>(draw.u_row.w / 255.0), a), vec4<f32>(vec3<f32>(draw.v_row.w / 255.0), a));
}

// A graphic lies pixel on pixel: luma and alpha in one texture, u, v and their alpha in the other.
@fragment
fn graphic_luma(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
    let found = textureLoad(luma_plane, vec2<i32>(at.xy - draw.offset.xy), 0);
    return vec4<f32>(vec3<f32>(found.r), found.g * draw.cover.x);
}

@fragment
fn graphic_chroma(@builtin(position) at: vec4<f32>) -> Chroma {
    let found = textureLoad(u_plane, vec2<i32>(at.xy - draw.offset.xy * 0.5), 0);
    let a = found.b * draw.cover.x;
    return Chroma(vec4<f32>(vec3<f32>(found.r), a), vec4<f32>(vec3<f32>(found.g), a));
}
