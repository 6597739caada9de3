/** One piece of a recording as the recorder gives it. */
export interface Piece {
  blob: Blob;
  /** When its content begins, milliseconds by this phone's clock. */
  startMs: number;
  endMs: number;
}

/** What goes into one request. */
export interface Upload {
  body: Blob;
  startMs: number;
}

/** Longest stretch of time that waits to be sent; what is older helps nobody on air. */
export const MOST_WAITING_MS = 5000;
/** The studio takes no more in one request. */
const MOST_BYTES = 1_500_000;

/** Pieces that wait for the network, bounded in time. */
export class PieceQueue {
  private pieces: Piece[] = [];

  /** Adds a piece. False: the network is too slow, everything was dropped and the recording must start anew, because its rest is of no use without what went. */
  push(piece: Piece): boolean {
    this.pieces.push(piece);
    if (this.waitingMs() <= MOST_WAITING_MS) return true;
    this.pieces = [];
    return false;
  }

  /** All that waits, joined, up to what one request carries; null when nothing waits. A network with long ways thus needs fewer of them. */
  take(): Upload | null {
    const first = this.pieces[0];
    if (!first) return null;
    let bytes = first.blob.size;
    let count = 1;
    for (const piece of this.pieces.slice(1)) {
      if (bytes + piece.blob.size > MOST_BYTES) break;
      bytes += piece.blob.size;
      count += 1;
    }
    const taken = this.pieces.splice(0, count);
    return { body: new Blob(taken.map((piece) => piece.blob)), startMs: first.startMs };
  }

  clear(): void {
    this.pieces = [];
  }

  /** How much time waits, milliseconds. */
  waitingMs(): number {
    const first = this.pieces[0];
    const last = this.pieces.at(-1);
    return first && last ? last.endMs - first.startMs : 0;
  }
}
