import type { ReactNode } from 'react'
import { ApiError } from '../api/failure'
import { useTranslation } from '../i18n'
import { Button } from './button'
import { describeFailure } from './failure-words'
import { Icon, type IconName } from './icon'
import { useRepeat } from './repeat'

type Tone = 'ok' | 'bad' | 'warn' | 'plain'

const tones: Record<Tone, [string, IconName]> = {
  ok: ['border-ok/40 bg-ok/7 [&>svg]:text-ok', 'check'],
  bad: ['border-bad/40 bg-bad/7 [&>svg]:text-bad', 'alert'],
  warn: ['border-warn/40 bg-warn/8 [&>svg]:text-warn', 'alert'],
  plain: ['border-line bg-sunken [&>svg]:text-muted', 'info'],
}

/** Something to know here and now. */
export function Notice({
  tone = 'plain',
  title,
  children,
  action,
}: {
  tone?: Tone
  title?: ReactNode
  children?: ReactNode
  action?: ReactNode
}) {
  const [look, icon] = tones[tone]
  return (
    <div
      role={tone === 'bad' ? 'alert' : 'status'}
      className={`flex flex-wrap items-start gap-x-3 gap-y-2 rounded-lg border px-3.5 py-2.5 ${look}`}
    >
      <Icon name={icon} className="mt-0.5" />
      <div className="wrap-anywhere min-w-0 flex-1 basis-52">
        {title && <p className="font-medium">{title}</p>}
        {children && <div className="text-sm">{children}</div>}
      </div>
      {action && <div className="-my-1">{action}</div>}
    </div>
  )
}

/**
 * What went wrong with a call and what to do next. `retry` repeats a read: it is also called by itself when the failure is one
 * that passes. A failure that says when to come back shows how long that is.
 */
export function Fault({ of, retry }: { of: unknown; retry?: (() => void) | undefined }) {
  const translation = useTranslation()
  const { t, duration } = translation
  const { tone, title, next, detail } = describeFailure(of, retry !== undefined, translation)
  const left = useRepeat(of, retry)
  const limited = of instanceof ApiError && of.retryAfter !== undefined
  return (
    <Notice
      tone={tone}
      title={title}
      action={
        retry && (
          <Button small icon="again" disabled={limited && left !== undefined && left > 0} onClick={retry}>
            {t('tryAgain')}
          </Button>
        )
      }
    >
      {next.map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
      {left !== undefined && left > 0 && (retry || limited) && (
        // Read out once, not every second.
        <p aria-live="off">{t(retry ? 'fault.repeat' : 'fault.wait', { time: duration(left * 1000) })}</p>
      )}
      {detail.map((fact) => (
        <p key={fact} className="text-muted">
          {fact}
        </p>
      ))}
    </Notice>
  )
}
