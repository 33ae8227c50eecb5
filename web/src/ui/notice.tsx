import type { ReactNode } from 'react'
import { ApiError } from '../api/client'
import { type Key, useTranslation } from '../i18n'
import { Button } from './button'
import { Icon, type IconName } from './icon'

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

const known: Record<number, [title: Key, next: Key]> = {
  0: ['fault.network', 'fault.network.next'],
  404: ['fault.missing', 'fault.missing.next'],
  429: ['fault.limit', 'fault.limit.next'],
  503: ['fault.store', 'fault.store.next'],
}

/** What went wrong with a call, and what to do next. */
export function Fault({ of, retry }: { of: unknown; retry?: (() => void) | undefined }) {
  const { t, server } = useTranslation()
  const fault = of instanceof ApiError ? of : new ApiError(-1, { message: String(of) })
  const [title, next] =
    known[fault.status] ??
    (fault.status >= 500 ? (['fault.server', 'fault.server.next'] as const) : [undefined, undefined])
  return (
    <Notice
      tone={fault.status === 429 || fault.status === 503 || fault.status === 0 ? 'warn' : 'bad'}
      title={title ? t(title) : server(fault.message)}
      action={
        retry && (
          <Button small icon="again" onClick={retry}>
            {t('tryAgain')}
          </Button>
        )
      }
    >
      {next && <p>{t(next)}</p>}
      {fault.status === 404 && <p className="text-muted">{server(fault.message)}</p>}
      {fault.status >= 500 && fault.requestId && (
        <p className="text-muted">{t('fault.request', { id: fault.requestId })}</p>
      )}
    </Notice>
  )
}
