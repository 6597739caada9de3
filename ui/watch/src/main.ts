import 'virtual:tokens.css';
import '@shared/fonts.css';
import '@shared/base.css';
import { mount } from 'svelte';
import App from './App.svelte';

const target = document.getElementById('app');
if (target) mount(App, { target });
