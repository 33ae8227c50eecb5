import { type FormEvent, type ReactNode, useState } from 'react'
import { useTranslation } from '../i18n'
import { Dialog, DialogButtons } from './dialog'
import { TextField } from './field'
import { Fault } from './notice'

/** Asks before something that cannot be undone; with `name`, for the name to be typed. */
export function Confirm({
  title,
  children,
  name,
  action,
  busy,
  fault,
  onClose,
  onConfirm,
}: {
  title: string
  children: ReactNode
  name?: string
  action: string
  busy: boolean
  fault: unknown
  onClose: () => void
  onConfirm: () => void
}) {
  const { t } = useTranslation()
  const [typed, setTyped] = useState('')
  const [wrong, setWrong] = useState(false)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (name !== undefined && typed.trim() !== name.trim()) return setWrong(true)
    onConfirm()
  }
  return (
    <Dialog title={title} onClose={onClose} locked={busy}>
      <form onSubmit={submit} noValidate className="grid gap-4">
        <div className="text-muted">{children}</div>
        {name !== undefined && (
          <TextField
            label={t('confirm.name', { name })}
            data-first
            value={typed}
            onChange={(event) => {
              setTyped(event.target.value)
              setWrong(false)
            }}
            errors={wrong ? [t('confirm.name.wrong')] : undefined}
          />
        )}
        {fault !== null && fault !== undefined && <Fault of={fault} />}
        <DialogButtons look="danger" action={action} busy={busy} onCancel={onClose} />
      </form>
    </Dialog>
  )
}
