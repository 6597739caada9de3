// Draws one piece of a layer or of a graphic onto the planes of the canvas. Every piece is one triangle that covers the target; the
// scissor cuts out the piece. Values are 8-bit code values where a comment says so, else 0 to 1.

struct Draw {
    // Stored luma pixel of a canvas luma pixel: (x * m.x + y * m.y, x * m.z + y * m.w) + offset.
    turn: vec4<f32>,
    // xy: offset of the mapping, or the origin of a graphic on the canvas. zw: stored luma pixels per canvas pixel along the stored axes.
    offset: vec4<f32>,
    // First and last texel that belongs to the crop.
    luma_bounds: vec4<f32>,
    chroma_bounds: vec4<f32>,
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

// 0: the texel itself. 1: Catmull-Rom over 4x4 texels. 2: mean over the area of the canvas pixel.
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

fn texel(plane: texture_2d<f32>, x: f32, y: f32) -> f32 {
    return textureLoad(plane, vec2<i32>(i32(x), i32(y)), 0).r;
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

fn cubic(plane: texture_2d<f32>, at: vec2<f32>, bounds: vec4<f32>) -> f32 {
    let base = floor(at - 0.5);
    return clamp(window(plane, base - 1.0, catmull_rom(at.x - 0.5 - base.x), catmull_rom(at.y - 0.5 - base.y)), 0.0, 1.0);
}

// A box as wide as the canvas pixel, at least one texel, which between texels is linear interpolation.
fn area(plane: texture_2d<f32>, at: vec2<f32>, size: vec2<f32>, bounds: vec4<f32>) -> f32 {
    let low = at - size * 0.5;
    let high = at + size * 0.5;
    var sum = 0.0;
    for (var y = floor(low.y); y < high.y; y += 1.0) {
        let row = clamp(y, bounds.y, bounds.w);
        var line = 0.0;
        for (var x = floor(low.x); x < high.x; x += 1.0) {
            line += (min(high.x, x + 1.0) - max(low.x, x)) * texel(plane, clamp(x, bounds.x, bounds.z), row);
        }
        sum += (min(high.y, y + 1.0) - max(low.y, y)) * line;
    }
    return sum / (size.x * size.y);
}

fn sample(plane: texture_2d<f32>, at: vec2<f32>, bounds: vec4<f32>) -> f32 {
    if kernel == 0u {
        return textureLoad(plane, vec2<i32>(floor(at)), 0).r;
    }
    if kernel == 1u {
        return cubic(plane, at, bounds);
    }
    return area(plane, at, max(draw.offset.zw, vec2<f32>(1.0)), bounds);
}

struct Chroma {
    @location(0) u: vec4<f32>,
    @location(1) v: vec4<f32>,
}

@fragment
fn layer_luma(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
    let place = stored(at.xy);
    var code = draw.luma_row.x * 255.0 * sample(luma_plane, place, draw.luma_bounds) + draw.luma_row.w;
    if mixes_chroma {
        let between = chroma_of_luma(place);
        let u = area(u_plane, between, vec2<f32>(1.0), draw.chroma_bounds);
        let v = area(v_plane, between, vec2<f32>(1.0), draw.chroma_bounds);
        code += 255.0 * (draw.luma_row.y * u + draw.luma_row.z * v);
    }
    return vec4<f32>(vec3<f32>(code / 255.0), alpha(at.x));
}

@fragment
fn layer_chroma(@builtin(position) at: vec4<f32>) -> Chroma {
    let canvas = luma_of_chroma(at.xy);
    let place = chroma_of_luma(stored(canvas));
    let u = 255.0 * sample(u_plane, place, draw.chroma_bounds);
    let v = 255.0 * sample(v_plane, place, draw.chroma_bounds);
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
