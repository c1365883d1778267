// Where the page's data come from: the server, or the page itself if it was exported.

const DECODERS = {
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  float64: Float64Array,
};

// Read what packing.py wrote: a header, and its arrays by name.
export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  let place = 8 + length;
  for (const [name, type, count] of header.arrays) {
    const Kind = DECODERS[type];
    place += (8 - (place % 8)) % 8;
    header[name] = new Kind(buffer, place, count);
    place += count * Kind.BYTES_PER_ELEMENT;
  }
  return header;
}

// One byte a row from one bit a row, and back.
export function fromBits(bits, count) {
  const flags = new Uint8Array(count);
  for (let row = 0; row < count; row += 1) flags[row] = (bits[row >> 3] >> (row & 7)) & 1;
  return flags;
}

export function toBits(rows, count) {
  const bits = new Uint8Array(Math.ceil(count / 8));
  for (const row of rows) bits[row >> 3] |= 1 << (row & 7);
  return bits;
}

async function answer(path, options) {
  const response = await fetch(path, options);
  if (response.ok) return response;
  const text = await response.text();
  let message = text;
  try {
    message = JSON.parse(text).error;
  } catch {
    // The text itself says it.
  }
  throw new Error(message);
}

const post = (path, body) => answer(path, { method: "POST", body });
const json = async (path) => (await answer(path)).json();
const packed = async (path) => unpack(await (await answer(path)).arrayBuffer());

class Served {
  constructor(start) {
    this.start = start;
  }

  filter(name) {
    return packed(`/data/filter/${encodeURIComponent(name)}`);
  }

  order(name) {
    return packed(`/data/order/${encodeURIComponent(name)}`);
  }

  part(name) {
    return packed(`/data/${name}`);
  }

  async rows(rows) {
    return (await post("/api/rows", JSON.stringify(rows))).json();
  }

  async outputs(rows) {
    return (await post("/api/outputs", JSON.stringify(rows))).json();
  }

  async messages(rows) {
    return (await post("/api/messages", JSON.stringify(rows))).json();
  }

  async facts(rows) {
    return (await post("/api/facts", JSON.stringify(rows))).json();
  }

  near(row) {
    return json(`/api/near/${row}`);
  }

  async match({ words = "", sql = "" }) {
    const query = new URLSearchParams(sql ? { sql } : { words });
    const found = await packed(`/api/match?${query}`);
    return fromBits(found.flags, this.start.count);
  }

  async mark(rows, changes) {
    const bits = toBits(rows, this.start.count);
    const response = await post(`/api/marks?${new URLSearchParams(changes)}`, bits);
    return unpack(await response.arrayBuffer());
  }

  async exported(rows, form) {
    return (await post(`/api/export/${form}`, toBits(rows, this.start.count))).blob();
  }

  pictureUrl(row, side) {
    return `/picture/${row}?side=${side}`;
  }

  cropUrl(row, x, y, width, height) {
    return `/picture/${row}?crop=${x},${y},${width},${height}`;
  }

  madeUrl(row, number, side) {
    return `/made/${row}/${number}?side=${side}`;
  }
}

export const openServed = async () => new Served(await json("/data/start"));
