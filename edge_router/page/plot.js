/** A small plot of a series on a canvas: the course, its spread, and gaps where nothing came. */

const PADDING = 3; // CSS pixels above and below the line
const GAP_INTERVALS = 8; // a pause of so many usual ones breaks the line
const GAP = 10_000; // ms, at least

/** The stretches of buckets without a gap between them, as [first, last] indexes. */
function stretches(history, longest) {
  const found = [];
  let first = 0;
  for (let index = 1; index <= history.length; index += 1) {
    const ends = index === history.length || history.at(index).time - history.at(index - 1).time > longest;
    if (ends) {
      found.push([first, index - 1]);
      first = index;
    }
  }
  return found;
}

/** Make the canvas as many device pixels as it covers, and empty. */
function fit(canvas, context, { width, height }) {
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
}

/** Draw from the first to the last bucket of a stretch; `ys` gives the heights to go through in each. */
function trace(path, history, [first, last], x, ys) {
  let previous = null;
  for (let index = first; index <= last; index += 1) {
    const bucket = history.at(index);
    for (const y of ys(bucket, previous)) path.lineTo(x(bucket.time), y);
    previous = bucket;
  }
}

function paint(context, color, height, line, area) {
  const shade = context.createLinearGradient(0, 0, 0, height);
  shade.addColorStop(0, color);
  shade.addColorStop(1, "transparent");
  context.globalAlpha = 0.22;
  context.fillStyle = shade;
  context.fill(area);
  context.globalAlpha = 1;
  Object.assign(context, { strokeStyle: color, lineWidth: 1.75, lineJoin: "round", lineCap: "round" });
  context.stroke(line);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{width: number, height: number}} size - CSS pixels; given, since asking the canvas would cost a layout
 * @param {import("./model.js").Series} series - with a history
 * @param {string} color - any CSS colour
 */
export function draw(canvas, size, series, color) {
  const context = canvas.getContext("2d");
  const { width, height } = size;
  fit(canvas, context, size);
  const { history } = series;
  const range = history.range();
  if (!width || history.length < 2) return;
  const start = history.at(0).time;
  const span = Math.max(range.span, 1);
  const steps = typeof series.value === "boolean";
  const x = (time) => ((time - start) / span) * (width - 4);
  const y = (value) => (range.high === range.low ? height / 2
    : height - PADDING - ((value - range.low) / (range.high - range.low)) * (height - 2 * PADDING));
  const heights = steps ? ({ last }, previous) => (previous ? [y(previous.last), y(last)] : [y(last)])
    : ({ low, high, last }) => (high > low ? [y(low), y(high), y(last)] : [y(last)]);
  const [line, area] = [new Path2D(), new Path2D()];
  for (const stretch of stretches(history, Math.max(GAP, series.interval * GAP_INTERVALS))) {
    const one = new Path2D();
    trace(one, history, stretch, x, heights);
    line.addPath(one);
    const below = new Path2D(one);
    below.lineTo(x(history.at(stretch[1]).time), height);
    below.lineTo(x(history.at(stretch[0]).time), height);
    area.addPath(below);
  }
  paint(context, color, height, line, area);
  const newest = history.at(history.length - 1);
  context.fillStyle = color;
  context.beginPath();
  context.arc(x(newest.time), y(newest.last), 2.5, 0, 2 * Math.PI);
  context.fill();
}
