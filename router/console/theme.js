/* Light, dark, or as the system has it. A plain script: it runs before anything is painted. */
(() => {
  const KEY = 'splitrail-theme';
  const system = matchMedia('(prefers-color-scheme: dark)');
  const next = { auto: 'light', light: 'dark', dark: 'auto' };

  const wanted = () => {
    const kept = localStorage.getItem(KEY);
    return kept in next ? kept : 'auto';
  };

  const apply = () => {
    const dark = wanted() === 'dark' || (wanted() === 'auto' && system.matches);
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
    for (const button of document.querySelectorAll('[data-theme-switch]')) {
      button.textContent = `Theme: ${wanted()}`;
    }
  };

  document.addEventListener('click', (event) => {
    if (event.target instanceof Element && event.target.closest('[data-theme-switch]')) {
      localStorage.setItem(KEY, next[wanted()]);
      apply();
    }
  });
  system.addEventListener('change', apply);
  document.addEventListener('DOMContentLoaded', apply);
  document.addEventListener('theme-switch-new', apply); // by whoever adds one
  apply();
})();
