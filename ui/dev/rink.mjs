// A rink as an SVG, seen from a camera's own angle, so that tiles differ.
export function drawCamera(slot, seconds) {
  const shift = ((slot * 97) % 200) - 100;
  const puck = 320 + 220 * Math.sin(seconds * 0.7 + slot);
  const players = Array.from({ length: 8 }, (_, at) => {
    const x = puck + 120 * Math.sin(at * 2.4 + seconds * (0.3 + at * 0.05)) + shift * 0.4;
    const y = 200 + 70 * Math.cos(at * 1.7 + seconds * 0.4);
    return `<g transform="translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${(y / 200).toFixed(2)})"><rect x="-7" y="-30" width="14" height="26" rx="5" fill="${at % 2 ? '#2b56c9' : '#f0f2f5'}"/><circle cy="-36" r="6" fill="#222"/></g>`;
  }).join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360" width="416" height="234"><rect width="640" height="360" fill="#33414f"/><rect y="95" width="640" height="16" fill="#e9d9a0"/>
<polygon points="${-60 + shift},360 ${110 + shift},111 ${540 + shift},111 ${720 + shift},360" fill="#dfe8ef"/><line x1="${325 + shift}" y1="111" x2="${330 + shift}" y2="360" stroke="#b33" stroke-width="6"/>
<line x1="${210 + shift}" y1="111" x2="${130 + shift}" y2="360" stroke="#36c" stroke-width="6"/><line x1="${440 + shift}" y1="111" x2="${530 + shift}" y2="360" stroke="#36c" stroke-width="6"/><ellipse cx="${327 + shift}" cy="220" rx="70" ry="28" fill="none" stroke="#36c" stroke-width="4"/>${players}<circle cx="${puck.toFixed(1)}" cy="235" r="5"/></svg>`;
}
