const CLOSE_ENOUGH = 0.88;

/** How many columns make tiles large inside a box: 16:9 pictures with a `frame` around (both sides together) and a `foot` below, `gap` apart, all in px. Of nearly equal answers the widest row wins: the eye follows numbers along a line. */
export function bestColumns(count: number, width: number, height: number, gap: number, frame = 0, foot = 0): { columns: number; tileWidth: number } {
  const answers = Array.from({ length: Math.max(1, count) }, (_, at) => {
    const columns = at + 1;
    const rows = Math.ceil(count / columns);
    const byWidth = (width - gap * (columns - 1)) / columns;
    const byHeight = ((height - gap * (rows - 1)) / rows - frame - foot) * (16 / 9) + frame;
    return { columns, tileWidth: Math.floor(Math.max(0, Math.min(byWidth, byHeight))) };
  });
  const most = Math.max(...answers.map((answer) => answer.tileWidth));
  return answers.reverse().find((answer) => answer.tileWidth >= most * CLOSE_ENOUGH) ?? { columns: 1, tileWidth: 0 };
}
