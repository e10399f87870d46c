import { startApi } from './support/api.ts';
import { testApi } from './api.case.ts';

testApi(() => startApi());
