/** The course of one number: a ring of buckets, so that an hour of noise and a day of silence take the same memory. */

export const BUCKETS = 360;
const STEP = 500; // ms a bucket lasts at least
const COLUMNS = 4; // time of the last value, lowest, highest, last

/** At most 360 buckets of half a second or more; three minutes of a fast sensor, six hours of one that speaks each minute. */
export class History {
  #data = new Float64Array(BUCKETS * COLUMNS);
  #first = 0;
  #length = 0;
  #opened = -Infinity; // when the newest bucket began

  get length() { return this.#length; }

  #offset(index) {
    return ((this.#first + index) % BUCKETS) * COLUMNS;
  }

  /** The bucket at an index, the oldest first: {time (ms), low, high, last}. */
  at(index) {
    const [time, low, high, last] = this.#data.subarray(this.#offset(index), this.#offset(index) + COLUMNS);
    return { time, low, high, last };
  }

  /**
   * @param {number} time - ms, of any clock that does not go back
   * @param {number} value
   */
  add(time, value) {
    if (time - this.#opened < STEP) {
      const at = this.#offset(this.#length - 1);
      const [, low, high] = this.#data.subarray(at, at + COLUMNS);
      this.#data.set([Math.max(time, this.#data[at]), Math.min(low, value), Math.max(high, value), value], at);
      return;
    }
    this.#opened = time;
    if (this.#length === BUCKETS) this.#first = (this.#first + 1) % BUCKETS;
    else this.#length += 1;
    this.#data.set([time, value, value, value], this.#offset(this.#length - 1));
  }

  /** The lowest and highest value, and the time from the oldest to the newest bucket in ms. null while empty. */
  range() {
    if (!this.#length) return null;
    let low = Infinity;
    let high = -Infinity;
    for (let index = 0; index < this.#length; index += 1) {
      const at = this.#offset(index);
      low = Math.min(low, this.#data[at + 1]);
      high = Math.max(high, this.#data[at + 2]);
    }
    return { low, high, span: this.at(this.#length - 1).time - this.at(0).time };
  }
}
