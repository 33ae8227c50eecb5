export interface Formats {
  number: (n: number) => string
  /** A share of 1, as a percentage with at most one decimal; 99.96 % is not rounded up to 100 %. */
  percent: (share: number) => string
  /** Milliseconds, in the unit a person would use. */
  duration: (ms: number) => string
  /** Date and time of day, to the second. */
  moment: (at: string | number | Date) => string
  /** Time of day to the second, with the day where it is not today's. */
  clock: (at: string | number | Date) => string
  /** "3 min. ago", "in 5 sec", to stand within a sentence or at its end. */
  relative: (at: string | number | Date, now: number) => string
  /** A mark on a time axis whose whole is `span` ms long. */
  tick: (at: number, span: number) => string
}

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** Stands for what is not a number or not a time. A format never throws: the server may be newer than the page. */
const unknown = '–'

const isTime = (at: string | number | Date) => !Number.isNaN(new Date(at).getTime())

export function formats(language: string): Formats {
  const number = new Intl.NumberFormat(language)
  const percent = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 })
  const moment = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' })
  const time = new Intl.DateTimeFormat(language, { timeStyle: 'medium' })
  const dayTime = new Intl.DateTimeFormat(language, {
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  })
  const hourMinute = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' })
  const monthDay = new Intl.DateTimeFormat(language, { month: 'short', day: 'numeric' })
  const relative = new Intl.RelativeTimeFormat(language, { style: 'short', numeric: 'always' })
  const unit = (name: string, digits: number) =>
    new Intl.NumberFormat(language, { style: 'unit', unit: name, unitDisplay: 'short', maximumFractionDigits: digits })
  const units = {
    ms: unit('millisecond', 0),
    s: unit('second', 1),
    min: unit('minute', 0),
    h: unit('hour', 0),
    d: unit('day', 0),
  }
  return {
    number: (n) => number.format(n),
    percent: (share) => percent.format(share < 1 ? Math.min(share, 0.999) : 1),
    duration: (ms) => {
      if (!Number.isFinite(ms)) return unknown
      if (ms < second) return units.ms.format(ms)
      if (ms < minute) return units.s.format(ms / second)
      if (ms < hour) return units.min.format(Math.floor(ms / minute))
      if (ms < 2 * day) return units.h.format(Math.floor(ms / hour))
      return units.d.format(Math.floor(ms / day))
    },
    moment: (at) => (isTime(at) ? moment.format(new Date(at)) : unknown),
    clock: (at) => {
      if (!isTime(at)) return unknown
      const then = new Date(at)
      return then.toDateString() === new Date().toDateString() ? time.format(then) : dayTime.format(then)
    },
    relative: (at, now) => {
      if (!isTime(at)) return unknown
      const ahead = new Date(at).getTime() - now
      const far = Math.abs(ahead)
      const [size, unit] =
        far < minute
          ? ([second, 'second'] as const)
          : far < hour
            ? ([minute, 'minute'] as const)
            : far < 2 * day
              ? ([hour, 'hour'] as const)
              : ([day, 'day'] as const)
      // An abbreviation's own full stop would be a second one at the end of a sentence.
      return relative.format(Math.trunc(ahead / size), unit).replace(/\.$/, '')
    },
    tick: (at, span) => (isTime(at) ? (span <= 2 * day ? hourMinute : monthDay).format(at) : unknown),
  }
}
