/** A small plot of a series on a canvas: the course, its spread, and gaps where nothing came. */

const PADDING = 4; // CSS pixels above and below the line
const DOT = 2.5; // the radius of the newest value
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

/** The places of times and values on the canvas. */
function scales(history, { width, height }, steps) {
  const { span, ...range } = history.range();
  const { low, high } = steps ? { low: 0, high: 1 } : range;
  const start = history.at(0).time;
  const tall = height - 2 * PADDING;
  return {
    x: (time) => ((time - start) / Math.max(span, 1)) * (width - DOT - 1),
    y: (value) => (high === low ? height / 2 : height - PADDING - ((value - low) / (high - low)) * tall),
  };
}

/** The course through the last value of each bucket; what is on or off goes in steps. */
function course(history, [first, last], { x, y }, steps) {
  const path = new Path2D();
  for (let index = first; index <= last; index += 1) {
    const bucket = history.at(index);
    if (steps && index > first) path.lineTo(x(bucket.time), y(history.at(index - 1).last));
    path.lineTo(x(bucket.time), y(bucket.last));
  }
  return path;
}

/** The room between the lowest and highest value of each bucket. */
function spread(history, [first, last], { x, y }) {
  const path = new Path2D();
  for (let index = first; index <= last; index += 1) path.lineTo(x(history.at(index).time), y(history.at(index).high));
  for (let index = last; index >= first; index -= 1) path.lineTo(x(history.at(index).time), y(history.at(index).low));
  return path;
}

/** What is under a course. */
function under(line, history, [first, last], { x }, height) {
  const path = new Path2D(line);
  path.lineTo(x(history.at(last).time), height);
  path.lineTo(x(history.at(first).time), height);
  return path;
}

function paintStretch(context, history, stretch, places, { height, color, steps }) {
  const line = course(history, stretch, places, steps);
  const shade = context.createLinearGradient(0, 0, 0, height);
  shade.addColorStop(0, color);
  shade.addColorStop(1, "transparent");
  Object.assign(context, { globalAlpha: 0.2, fillStyle: shade });
  context.fill(under(line, history, stretch, places, height));
  if (!steps) {
    context.fillStyle = color;
    context.fill(spread(history, stretch, places));
  }
  Object.assign(context, { globalAlpha: 1, strokeStyle: color, lineWidth: 1.75, lineJoin: "round", lineCap: "round" });
  context.stroke(line);
}

function dot(context, { time, last }, { x, y }, color) {
  context.fillStyle = color;
  context.beginPath();
  context.arc(x(time), y(last), DOT, 0, 2 * Math.PI);
  context.fill();
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{width: number, height: number}} size - CSS pixels; given, since asking the canvas would cost a layout
 * @param {import("./model.js").Series} series - with a history
 * @param {string} color - any CSS colour
 */
export function draw(canvas, size, series, color) {
  const { history } = series;
  const context = canvas.getContext("2d");
  fit(canvas, context, size);
  if (!size.width || history.length < 2) return;
  const steps = typeof series.value === "boolean";
  const places = scales(history, size, steps);
  const look = { height: size.height, color, steps };
  for (const stretch of stretches(history, Math.max(GAP, series.interval * GAP_INTERVALS))) {
    paintStretch(context, history, stretch, places, look);
  }
  dot(context, history.at(history.length - 1), places, color);
}
