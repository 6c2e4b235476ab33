/** Reads MessagePack, the form in which `@socket.io/postgres-emitter` leaves what is large or binary. */

/** Throws a `RangeError` for bytes that are no MessagePack, or hold extensions other than timestamps. */
export function decodeMessagePack(bytes: Buffer): unknown {
  return new Reader(bytes).value();
}

class Reader {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  value(): unknown {
    const head = this.uint(1);
    if (head < 0x80) return head;
    if (head < 0x90) return this.map(head & 0x0f);
    if (head < 0xa0) return this.list(head & 0x0f);
    if (head < 0xc0) return this.text(head & 0x1f);
    if (head >= 0xe0) return head - 0x100;
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return Buffer.from(this.take(this.uint(1 << (head - 0xc4))));
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.extension(this.uint(1 << (head - 0xc7)));
      case 0xca:
        return this.take(4).readFloatBE();
      case 0xcb:
        return this.take(8).readDoubleBE();
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.uint(1 << (head - 0xcc));
      case 0xcf:
        return Number(this.take(8).readBigUInt64BE());
      case 0xd0:
        return this.take(1).readInt8();
      case 0xd1:
        return this.take(2).readInt16BE();
      case 0xd2:
        return this.take(4).readInt32BE();
      case 0xd3:
        return Number(this.take(8).readBigInt64BE());
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.extension(1 << (head - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.text(this.uint(1 << (head - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.list(this.uint(2 << (head - 0xdc)));
      case 0xde:
      case 0xdf:
        return this.map(this.uint(2 << (head - 0xde)));
      default:
        throw new RangeError(`no MessagePack: 0x${head.toString(16)}`);
    }
  }

  private take(length: number): Buffer {
    const end = this.at + length;
    if (end > this.bytes.length) throw new RangeError('the MessagePack ends too early');
    const part = this.bytes.subarray(this.at, end);
    this.at = end;
    return part;
  }

  private uint(length: number): number {
    return this.take(length).readUIntBE(0, length);
  }

  private text(length: number): string {
    return this.take(length).toString('utf8');
  }

  private list(length: number): unknown[] {
    const list: unknown[] = [];
    for (let index = 0; index < length; index++) list.push(this.value());
    return list;
  }

  private map(length: number): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    for (let index = 0; index < length; index++) entries.push([String(this.value()), this.value()]);
    return Object.fromEntries(entries);
  }

  /** The only standard one is the timestamp. */
  private extension(length: number): Date {
    const type = this.take(1).readInt8();
    const data = this.take(length);
    if (type !== -1) throw new RangeError(`MessagePack extension ${type} is not known`);
    if (length === 4) return new Date(data.readUInt32BE() * 1000);
    if (length === 8) {
      const both = data.readBigUInt64BE();
      return new Date(Number(both & 0x3ffffffffn) * 1000 + Number(both >> 34n) / 1e6);
    }
    return new Date(Number(data.readBigInt64BE(4)) * 1000 + data.readUInt32BE() / 1e6);
  }
}
