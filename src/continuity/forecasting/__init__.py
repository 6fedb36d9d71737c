"""What a shot will take, before it is rendered."""

from continuity.forecasting.predicting import forecast
from continuity.forecasting.records import CampaignForecast, Forecast, Range, ShotForecast

__all__ = ["CampaignForecast", "Forecast", "Range", "ShotForecast", "forecast"]
