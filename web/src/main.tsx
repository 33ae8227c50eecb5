import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { initialLanguage, loadLanguage, TranslationProvider } from './i18n'
import { NoTexts } from './no-texts'
import { router } from './router'
import './styles.css'
import { ToastProvider } from './ui/toast'

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')

const page = createRoot(root)

loadLanguage(initialLanguage())
  .then((initial) =>
    page.render(
      <StrictMode>
        <TranslationProvider initial={initial}>
          <ToastProvider>
            <RouterProvider router={router} />
          </ToastProvider>
        </TranslationProvider>
      </StrictMode>,
    ),
  )
  .catch(() => page.render(<NoTexts />))
