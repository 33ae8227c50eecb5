import { useId, useState } from 'react'
import type { Overview } from '../api/overview'
import { useTranslation } from '../i18n'
import { Button } from '../ui/button'
import { Scroll } from '../ui/scroll'

const [width, height, left, bottom, top] = [960, 200, 44, 22, 8]

/** The largest value of a scale that holds `most`: a round number whose half is a whole one. */
export function scaleTop(most: number): number {
  if (most <= 4) return 4
  const power = 10 ** Math.floor(Math.log10(most))
  const tops = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power)
  return tops.find((top) => top >= most && top % 2 === 0) ?? 10 * power
}

/** Attempts by outcome over time: failures stand below successes in each bar, where the eye looks first, and are hatched. */
export function OutcomeChart({ data }: { data: Overview }) {
  const { t, number, tick, moment } = useTranslation()
  const [asTable, setAsTable] = useState(false)
  const [at, setAt] = useState<number>()
  const { buckets, bucket_seconds, totals } = data
  const shown = at === undefined ? undefined : buckets[at]
  return (
    <div className="px-4 pb-4">
      <div className="mb-2 flex min-h-9 flex-wrap items-center justify-between gap-x-4 gap-y-1 text-sm">
        <p className="flex flex-wrap gap-x-4 text-muted">
          <Legend look="bg-ok/80" words={`${t('status.success')} ${number(shown?.success ?? totals.success)}`} />
          <Legend look="hatched" words={`${t('status.failed')} ${number(shown?.failed ?? totals.failed)}`} />
          {shown && <span className="text-ink">{moment(shown.at)}</span>}
        </p>
        <Button small look="quiet" className="-mr-2.5 ml-auto" onClick={() => setAsTable(!asTable)}>
          {t(asTable ? 'chart.asChart' : 'chart.asTable')}
        </Button>
      </div>
      {asTable ? (
        <Table data={data} />
      ) : (
        <Bars
          data={data}
          at={at}
          onAt={setAt}
          label={t('chart.label', { success: totals.success, failed: totals.failed })}
          tick={(time) => tick(time, bucket_seconds * buckets.length * 1000)}
          number={number}
        />
      )}
    </div>
  )
}

function Legend({ look, words }: { look: string; words: string }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      {look === 'hatched' ? (
        <svg aria-hidden="true" className="size-2.5 rounded-xs">
          <rect width="10" height="10" className="fill-bad" />
          <path d="M-2 6 6 -2M2 12 12 2" className="stroke-card" strokeWidth="1.5" />
        </svg>
      ) : (
        <span className={`size-2.5 rounded-xs ${look}`} />
      )}
      {words}
    </span>
  )
}

interface BarsProps {
  data: Overview
  at: number | undefined
  onAt: (at: number | undefined) => void
  label: string
  tick: (time: number) => string
  number: (n: number) => string
}

function Bars({ data: { buckets }, at, onAt, label, tick, number }: BarsProps) {
  const hatch = useId()
  const most = scaleTop(Math.max(0, ...buckets.map(({ success, failed }) => success + failed)))
  const room = { x: width - left, y: height - top - bottom }
  const step = room.x / buckets.length
  const y = (value: number) => height - bottom - (value / most) * room.y
  const ticks = [0, 1, 2, 3].map((quarter) => Math.floor((quarter * buckets.length) / 4))
  return (
    <div className="relative">
      <svg
        role="img"
        aria-label={label}
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        className="h-52 w-full"
        onPointerLeave={() => onAt(undefined)}
        onPointerMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect()
          const x = ((event.clientX - box.left) / box.width) * width - left
          const bucket = Math.floor(x / step)
          onAt(bucket >= 0 && bucket < buckets.length ? bucket : undefined)
        }}
      >
        <defs>
          <pattern id={hatch} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect width="6" height="6" className="fill-bad" />
            <rect width="1.5" height="6" className="fill-card" />
          </pattern>
        </defs>
        {[0, 0.5, 1].map((share) => (
          <line
            key={share}
            x1={left}
            x2={width}
            y1={y(most * share)}
            y2={y(most * share)}
            className="stroke-line"
            vectorEffect="non-scaling-stroke"
          />
        ))}
        {at !== undefined && <rect x={left + at * step} y={top} width={step} height={room.y} className="fill-sunken" />}
        {buckets.map(({ at: begins, success, failed }, place) => {
          const x = left + place * step + step * 0.12
          return (
            <g key={begins}>
              {failed > 0 && (
                <rect
                  x={x}
                  width={step * 0.76}
                  y={y(failed)}
                  height={height - bottom - y(failed)}
                  fill={`url(#${hatch})`}
                />
              )}
              {success > 0 && (
                <rect
                  x={x}
                  width={step * 0.76}
                  y={y(failed + success)}
                  height={y(failed) - y(failed + success)}
                  className="fill-ok/80"
                />
              )}
            </g>
          )
        })}
      </svg>
      {/* Words stand outside of the drawing, which is stretched. */}
      <div aria-hidden="true" className="pointer-events-none absolute inset-0 text-muted text-xs">
        {[0.5, 1].map((share) => (
          <span
            key={share}
            className="absolute left-0 -translate-y-1/2"
            style={{ top: `${(y(most * share) / height) * 100}%` }}
          >
            {number(most * share)}
          </span>
        ))}
        {ticks.map((place) => (
          <span key={place} className="absolute bottom-0" style={{ left: `${((left + place * step) / width) * 100}%` }}>
            {buckets[place] && tick(Date.parse(buckets[place].at))}
          </span>
        ))}
      </div>
    </div>
  )
}

function Table({ data: { buckets } }: { data: Overview }) {
  const { t, number, moment } = useTranslation()
  const full = buckets.filter(({ success, failed }) => success + failed > 0).toReversed()
  if (full.length === 0) return <p className="py-6 text-center text-muted">{t('failing.nothing')}</p>
  return (
    <Scroll label={t('chart')} className="h-52 rounded-lg border border-line">
      <table className="w-full text-left text-sm">
        <thead className="sticky top-0 bg-sunken text-muted text-xs">
          <tr className="[&>th]:px-3 [&>th]:py-1.5 [&>th]:font-medium">
            <th scope="col">{t('time')}</th>
            <th scope="col" className="text-right">
              {t('status.success')}
            </th>
            <th scope="col" className="text-right">
              {t('status.failed')}
            </th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {full.map(({ at, success, failed }) => (
            <tr key={at} className="[&>*]:px-3 [&>*]:py-1">
              <th scope="row" className="font-normal">
                {moment(at)}
              </th>
              <td className="text-right">{number(success)}</td>
              <td className="text-right">{number(failed)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}
