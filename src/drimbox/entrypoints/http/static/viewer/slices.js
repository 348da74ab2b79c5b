// Where slices lie in the patient, and which of another series lies at the same height.

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const difference = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const moved = (point, direction, mm) => point.map((part, axis) => part + direction[axis] * mm);

const PARALLEL = 0.95; // cosine: tilts of less than 18° are compared
const REACH_MM = 5; // so far from the last slice, at least, it still stands for a place

/** The places of the series that were asked about; a place is null where an image has none. */
export class SlicePlaces {
  #frames;
  #series = new Map();

  constructor(frames) {
    this.#frames = frames;
  }

  /** One place for each image of a stack, once its series are here. */
  async of(stack) {
    const uids = new Set(stack.map((one) => one.series));
    const found = new Map();
    for (const uid of uids) for (const [key, place] of await this.#ofSeries(uid)) found.set(key, place);
    return stack.map((one) => found.get(`${one.instance}/${one.frame}`) ?? null);
  }

  #ofSeries(uid) {
    if (!this.#series.has(uid)) {
      const places = this.#frames
        .slices(uid)
        .then(({ slices }) => new Map(slices.map((place) => [`${place.instance}/${place.frame}`, place])));
      places.catch(() => this.#series.delete(uid));
      this.#series.set(uid, places);
    }
    return this.#series.get(uid);
  }
}

export function areParallel(one, other) {
  return Math.abs(dot(one.normal, other.normal)) > PARALLEL;
}

/** Whether positions of both can be compared as they are (PS3.3 C.7.4.1). */
export function shareAFrame(one, other) {
  return one.frame_of_reference !== "" && one.frame_of_reference === other.frame_of_reference;
}

/** Where a slice of ours lies among the other's, given one slice of each at the same height. */
export function carried(place, own, other) {
  const { normal } = place;
  if (shareAFrame(place, other)) return { point: place.position_mm, normal };
  const mm = dot(difference(place.position_mm, own.position_mm), own.normal);
  const sense = Math.sign(dot(own.normal, other.normal));
  return { point: moved(other.position_mm, other.normal, mm * sense), normal };
}

/** The index of the slice at this height; -1 where the series does not reach it. */
export function nearest(places, { point, normal }) {
  const gaps = places.map((place) =>
    place && areParallel(place, { normal }) ? Math.abs(dot(difference(point, place.position_mm), place.normal)) : Infinity,
  );
  const least = Math.min(...gaps);
  return least <= Math.max(REACH_MM, spacing(places)) ? gaps.indexOf(least) : -1;
}

/** The mean distance between slices in mm; 0 for one alone. */
function spacing(places) {
  const here = places.filter(Boolean);
  if (here.length < 2) return 0;
  const heights = here.map((place) => dot(place.position_mm, here[0].normal));
  return (Math.max(...heights) - Math.min(...heights)) / (here.length - 1);
}
