// Makes one RGB tile of a picture's planes, which have a sample for each of its pixels and half as many of chroma: turned upright and
// converted. One triangle covers the tile.

struct Tile {
    // Red, green and blue from the planes' values, 0 to 1: dot(row.xyz, (y, u, v)) + row.w.
    red: vec4<f32>,
    green: vec4<f32>,
    blue: vec4<f32>,
    // Stored pixel of an upright one: (x * turn.x + y * turn.y, x * turn.z + y * turn.w) + offset.xy.
    turn: vec4<f32>,
    offset: vec4<f32>,
}

@group(0) @binding(0) var<uniform> tile: Tile;
@group(1) @binding(0) var luma_plane: texture_2d<f32>;
@group(1) @binding(1) var u_plane: texture_2d<f32>;
@group(1) @binding(2) var v_plane: texture_2d<f32>;

@vertex
fn whole_tile(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    let corner = vec2<f32>(f32((index << 1u) & 2u), f32(index & 2u));
    return vec4<f32>(corner * 2.0 - 1.0, 0.0, 1.0);
}

@fragment
fn picture(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
    let upright = floor(at.xy);
    let stored = vec2<i32>(vec2<f32>(dot(tile.turn.xy, upright), dot(tile.turn.zw, upright)) + tile.offset.xy);
    let between = stored / 2;
    let planes = vec4<f32>(
        textureLoad(luma_plane, stored, 0).r,
        textureLoad(u_plane, between, 0).r,
        textureLoad(v_plane, between, 0).r,
        1.0,
    );
    return vec4<f32>(dot(tile.red, planes), dot(tile.green, planes), dot(tile.blue, planes), 1.0);
}
